//! Who is who: the assignment of the lowest total cost (the Hungarian method with shortest augmenting paths; R. Jonker and
//! A. Volgenant, *A shortest augmenting path algorithm for dense and sparse linear assignment problems*, 1987).
//!
//! It promises: each row and each column is used at most once, no pair at or above the limit is made, and no other choice has a
//! lower total when a row that gets nothing costs the limit.

/// Costs of `rows × columns` pairs.
#[derive(Debug, Clone)]
pub(super) struct Costs {
    columns: usize,
    values: Vec<f32>,
}

impl Costs {
    /// Asks `cost` for each pair (row, column). What is not finite is never paired.
    pub(super) fn new(rows: usize, columns: usize, mut cost: impl FnMut(usize, usize) -> f32) -> Self {
        let values = (0..rows * columns).map(|i| cost(i / columns, i % columns)).collect();
        Self { columns, values }
    }

    fn rows(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }
}

/// The column of each row, `None` where no pair below `limit` is worth it. The result has as many entries as there are rows;
/// it is empty when there is no column. Costs n²·m steps for n rows and m columns at worst.
pub(super) fn assign(costs: &Costs, limit: f32) -> Vec<Option<usize>> {
    let (rows, columns) = (costs.rows(), costs.columns);
    // Each row has a column of its own at the end, which stands for "nothing" and costs the limit.
    let width = columns + rows;
    let cost = |row: usize, column: usize| {
        if column < columns {
            let value = costs.values[row * columns + column];
            if value < limit { value } else { f32::INFINITY }
        } else if column - columns == row {
            limit
        } else {
            f32::INFINITY
        }
    };
    let mut row_price = vec![0.0_f32; rows];
    let mut column_price = vec![0.0_f32; width];
    let mut owner: Vec<Option<usize>> = vec![None; width];
    let (mut distance, mut from, mut done) = (vec![0.0_f32; width], vec![0_usize; width], vec![false; width]);
    for start in 0..rows {
        distance.fill(f32::INFINITY);
        done.fill(false);
        let (mut row, mut reached, mut base) = (start, usize::MAX, 0.0_f32);
        // The shortest way from `start` to a column that nobody owns.
        let free = loop {
            let mut nearest = usize::MAX;
            for column in 0..width {
                if done[column] {
                    continue;
                }
                let through = base + cost(row, column) - row_price[row] - column_price[column];
                if through < distance[column] {
                    distance[column] = through;
                    from[column] = reached;
                }
                if nearest == usize::MAX || distance[column] < distance[nearest] {
                    nearest = column;
                }
            }
            // The row's own column can always be reached, so there is a nearest one.
            done[nearest] = true;
            base = distance[nearest];
            match owner[nearest] {
                Some(next) => (row, reached) = (next, nearest),
                None => break nearest,
            }
        };
        for column in (0..width).filter(|&column| done[column]) {
            let gain = base - distance[column];
            column_price[column] -= gain;
            if let Some(owned) = owner[column] {
                row_price[owned] += gain;
            }
        }
        row_price[start] += base;
        let mut column = free;
        while from[column] != usize::MAX {
            owner[column] = owner[from[column]];
            column = from[column];
        }
        owner[column] = Some(start);
    }
    let mut chosen = vec![None; rows];
    for (column, owner) in owner.iter().take(columns).enumerate() {
        if let Some(row) = *owner {
            chosen[row] = Some(column);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn total(values: &[Vec<f32>], limit: f32, chosen: &[Option<usize>]) -> f32 {
        chosen.iter().enumerate().map(|(row, column)| column.map_or(limit, |c| values[row][c])).sum()
    }

    /// Tries everything.
    fn cheapest(values: &[Vec<f32>], limit: f32, row: usize, used: u32) -> f32 {
        let Some(costs) = values.get(row) else { return 0.0 };
        let nothing = limit + cheapest(values, limit, row + 1, used);
        (0..costs.len())
            .filter(|&c| used & (1 << c) == 0 && costs[c] < limit)
            .map(|c| costs[c] + cheapest(values, limit, row + 1, used | 1 << c))
            .fold(nothing, f32::min)
    }

    fn matrix() -> impl Strategy<Value = Vec<Vec<f32>>> {
        (1_usize..6, 1_usize..6).prop_flat_map(|(rows, columns)| {
            let cost = prop_oneof![9 => (0_u32..100).prop_map(|c| c as f32 / 100.0), 1 => Just(f32::INFINITY)];
            prop::collection::vec(prop::collection::vec(cost, columns), rows)
        })
    }

    proptest! {
        #[test]
        fn nothing_is_cheaper(values in matrix(), limit in 0.1_f32..1.0) {
            let chosen = assign(&Costs::new(values.len(), values[0].len(), |r, c| values[r][c]), limit);
            prop_assert_eq!(chosen.len(), values.len());
            let mut used = 0_u32;
            for (row, column) in chosen.iter().enumerate().filter_map(|(r, c)| c.map(|c| (r, c))) {
                prop_assert_eq!(used & (1 << column), 0, "column {} is used twice", column);
                used |= 1 << column;
                prop_assert!(values[row][column] < limit);
            }
            let (mine, best) = (total(&values, limit, &chosen), cheapest(&values, limit, 0, 0));
            prop_assert!((mine - best).abs() < 1e-4, "{} and {} is possible: {:?}", mine, best, chosen);
        }
    }

    #[test]
    fn a_greedy_choice_is_not_taken_when_it_costs_the_others_more() {
        let values = [[0.1, 0.2], [0.15, 0.9]];
        assert_eq!(assign(&Costs::new(2, 2, |r, c| values[r][c]), 0.95), [Some(1), Some(0)]);
    }

    #[test]
    fn no_rows_or_no_columns_is_no_pair() {
        assert!(assign(&Costs::new(0, 3, |_, _| 0.0), 1.0).is_empty());
        assert!(assign(&Costs::new(3, 0, |_, _| 0.0), 1.0).is_empty());
    }
}
