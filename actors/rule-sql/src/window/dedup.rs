//! Which parts of a span of time were not asked for before: so that footage around overlapping triggers is sent once.

/// The spans that were asked for, disjoint and in order.
#[derive(Debug, Clone, Default)]
pub struct TakenSpans {
    spans: Vec<(i64, i64)>,
}

impl TakenSpans {
    /// Takes `start..end` (milliseconds), and returns the parts that were still free. What lies more than `expire`
    /// before `now` is neither remembered nor given.
    pub fn take(&mut self, start: i64, end: i64, now: i64, expire: i64) -> Vec<(i64, i64)> {
        let oldest = now.saturating_sub(expire);
        if end < oldest || start >= end {
            return Vec::new();
        }
        let start = start.max(oldest);
        self.spans.retain(|(_, e)| *e >= oldest);
        let mut free = Vec::new();
        let (mut from, mut union) = (start, (start, end));
        for (s, e) in self.spans.iter().copied().filter(|(s, e)| *s < end && *e > start) {
            if s > from {
                free.push((from, s));
            }
            from = from.max(e);
            union = (union.0.min(s), union.1.max(e));
        }
        if from < end {
            free.push((from, end));
        }
        self.spans.retain(|(s, e)| !(*s < end && *e > start));
        let place = self.spans.partition_point(|(s, _)| *s < union.0);
        self.spans.insert(place, union);
        free
    }

    /// The spans that are taken.
    pub fn spans(&self) -> &[(i64, i64)] {
        &self.spans
    }
}
