//! What a run of cases has shown.

use std::fmt;

use serde_json::{Value as Json, json};

/// A case that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Its id.
    pub id: String,
    /// What was expected.
    pub expected: Json,
    /// What came out.
    pub actual: Json,
}

/// The cases of one level and tier.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// The level.
    pub level: String,
    /// The tier.
    pub tier: i64,
    /// How many passed.
    pub passed: usize,
    /// How many failed and are not listed.
    pub failed: usize,
    /// How many failed and are listed as deviations.
    pub deviating: usize,
    /// The ids of those.
    pub deviations: Vec<String>,
    /// The failures.
    pub failures: Vec<Failure>,
}

/// All groups, by level and tier.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The groups.
    pub groups: Vec<Group>,
}

impl Report {
    pub(super) fn group(&mut self, level: &str, tier: i64) -> &mut Group {
        let place = self.groups.partition_point(|g| (g.level.as_str(), g.tier) < (level, tier));
        let found = self.groups.get(place).is_some_and(|g| g.level == level && g.tier == tier);
        if !found {
            self.groups.insert(place, Group { level: level.to_owned(), tier, ..Group::default() });
        }
        // The group stands at `place` now.
        &mut self.groups[place]
    }

    /// Passed and all cases of a tier.
    pub fn tier(&self, tier: i64) -> (usize, usize) {
        let of_tier = self.groups.iter().filter(|g| g.tier == tier);
        of_tier.fold((0, 0), |(passed, all), g| (passed + g.passed, all + g.passed + g.failed + g.deviating))
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Json {
        let failure = |f: &Failure| json!({ "id": f.id, "expected": f.expected, "actual": f.actual });
        let group = |g: &Group| {
            json!({
                "level": g.level, "tier": g.tier, "passed": g.passed, "failed": g.failed, "deviating": g.deviating,
                "deviations": g.deviations, "failures": g.failures.iter().map(failure).collect::<Vec<_>>(),
            })
        };
        json!({ "groups": self.groups.iter().map(group).collect::<Vec<_>>() })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<14} {:>4} {:>7} {:>7} {:>10}  rate", "level", "tier", "passed", "failed", "deviating")?;
        for g in &self.groups {
            let all = g.passed + g.failed + g.deviating;
            let rate = 100.0 * g.passed as f64 / all.max(1) as f64;
            let (level, tier) = (&g.level, g.tier);
            writeln!(f, "{level:<14} {tier:>4} {:>7} {:>7} {:>10}  {rate:.1} %", g.passed, g.failed, g.deviating)?;
        }
        let mut tiers: Vec<i64> = self.groups.iter().map(|g| g.tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        for tier in tiers {
            let (passed, all) = self.tier(tier);
            writeln!(f, "tier {tier}: {passed} of {all}, {:.2} %", 100.0 * passed as f64 / all.max(1) as f64)?;
        }
        for g in &self.groups {
            for failure in &g.failures {
                writeln!(f, "\n{}\n  expected {}\n  actual   {}", failure.id, failure.expected, failure.actual)?;
            }
        }
        Ok(())
    }
}
