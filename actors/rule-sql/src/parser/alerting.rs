//! WHERE with one thing after another, and the clauses that make alerts.
//!
//! ```text
//! WHERE a [AS name] { THEN [NOT] b [AS name] [WITHIN 30s] } [KEEP FIRST | LAST | EACH]
//! [ABSENT 30s] [FOR 10s [ALLOWING GAPS OF 1s]] [PER key, …] [RESOLVE [AFTER 4s] [WHEN condition]]
//! ```
//! None of the new words is reserved: each is one only where it can stand.

use super::Parser;
use crate::ast::{AlertClause, Expr, Keep, Select, Sequence, Step};
use crate::error::{Pos, SqlError};
use crate::lexer::Token;

/// No length of time in a clause is longer: a thousand years, as for windows.
const LONGEST: i64 = 365_000 * 86_400_000;

/// How many steps a sequence may have.
const MAX_STEPS: usize = 20;

impl Parser {
    /// What follows WHERE: one condition, or a sequence of them.
    pub(super) fn conditions(&mut self) -> Result<(Option<Expr>, Option<Sequence>), SqlError> {
        let mut step = self.step(false)?;
        if !self.is_word("THEN") {
            if let Some(name) = &step.name {
                let hint = Some("AS names a step of a sequence: THEN must follow".into());
                return Err(SqlError::at(step.pos, format!("one condition cannot be called {name}")).with_hint(hint));
            }
            if self.is_word("WITHIN") {
                let hint = Some("write A THEN B WITHIN 30s".into());
                return Err(self.unexpected("THEN before WITHIN").with_hint(hint));
            }
            return Ok((Some(step.condition), None));
        }
        let mut steps = Vec::new();
        while self.eat_word("THEN") {
            steps.push(step);
            if steps.len() >= MAX_STEPS {
                return Err(SqlError::at(self.pos(), format!("a sequence has {MAX_STEPS} steps at most")));
            }
            let negated = self.eat_word("NOT");
            step = self.step(negated)?;
            if self.eat_word("WITHIN") {
                step.within = Some(self.length("WITHIN", 1)?);
            }
        }
        steps.push(step);
        let mut keep = None;
        if self.eat_word("KEEP") {
            let words = [("FIRST", Keep::First), ("LAST", Keep::Last), ("EACH", Keep::Each)];
            keep = words.into_iter().find(|(word, _)| self.eat_word(word)).map(|(_, keep)| keep);
            if keep.is_none() {
                return Err(self.unexpected("FIRST, LAST or EACH after KEEP"));
            }
        }
        check_steps(&steps)?;
        Ok((None, Some(Sequence { steps, keep })))
    }

    fn step(&mut self, negated: bool) -> Result<Step, SqlError> {
        let pos = self.pos();
        let condition = self.expr()?;
        let mut name = None;
        if self.eat_word("AS") {
            name = Some(self.name("the name of the step after AS")?);
            if negated {
                let hint = Some("there is no row of what did not come".into());
                return Err(SqlError::at(pos, "a step with NOT cannot have a name").with_hint(hint));
            }
        }
        Ok(Step { pos, condition, negated, name, within: None })
    }

    /// ABSENT, FOR, PER and RESOLVE, in this order.
    pub(super) fn alert_clause(&mut self) -> Result<Option<AlertClause>, SqlError> {
        let mut clause = AlertClause { pos: self.pos(), ..AlertClause::default() };
        let begin = self.at;
        if self.eat_word("ABSENT") {
            clause.absent = Some(self.length("ABSENT", 1)?);
        }
        if self.eat_word("FOR") {
            clause.hold = Some(self.length("FOR", 0)?);
            if self.eat_word("ALLOWING") {
                self.expect_word("GAPS")?;
                self.expect_word("OF")?;
                clause.gaps = Some(self.length("GAPS OF", 0)?);
            }
        }
        if self.eat_word("PER") {
            loop {
                clause.per.push(self.expr()?);
                if !self.eat(",") {
                    break;
                }
            }
        }
        if self.eat_word("RESOLVE") {
            clause.resolve = true;
            if self.eat_word("AFTER") {
                clause.resolve_after = Some(self.length("AFTER", 0)?);
            }
            if self.eat_word("WHEN") {
                clause.resolve_when = Some(self.expr()?);
            }
            if clause.resolve_after.is_none() && clause.resolve_when.is_none() {
                return Err(self.unexpected("AFTER or WHEN after RESOLVE"));
            }
        }
        if let Some(word) = ["ABSENT", "FOR", "PER", "RESOLVE"].into_iter().find(|word| self.is_word(word)) {
            let hint = Some("the order is ABSENT, FOR, PER, RESOLVE".into());
            return Err(SqlError::at(self.pos(), format!("{word} stands in the wrong place")).with_hint(hint));
        }
        Ok((self.at > begin).then_some(clause))
    }

    /// A length of time in milliseconds.
    fn length(&mut self, word: &str, least: i64) -> Result<i64, SqlError> {
        let pos = self.pos();
        let Token::Duration(nanos, _) = *self.peek() else {
            let hint = match self.peek() {
                Token::Int(n) => Some(format!("with its unit: {n}s, {n}m, {n}h or {n}ms")),
                _ => Some("such as 500ms, 10s, 5m or 1h".into()),
            };
            return Err(self.unexpected(&format!("a length of time after {word}")).with_hint(hint));
        };
        self.next();
        let millis = nanos / 1_000_000;
        if !(least..=LONGEST).contains(&millis) {
            return Err(SqlError::at(
                pos,
                format!("the length of {word} must be at least {least} ms, and below a millennium"),
            ));
        }
        Ok(millis)
    }
}

fn check_steps(steps: &[Step]) -> Result<(), SqlError> {
    let fail =
        |step: &Step, message: &str, hint: &str| Err(SqlError::at(step.pos, message).with_hint(Some(hint.to_owned())));
    for (place, step) in steps.iter().enumerate() {
        if let Some(name) = &step.name
            && steps.iter().take(place).any(|other| other.name.as_ref() == Some(name))
        {
            return Err(SqlError::at(step.pos, format!("two steps are called {name}")));
        }
        let bounded = place == 0 || step.within.is_some();
        let next = steps.get(place + 1);
        let waits = next.is_some_and(|next| next.negated && next.within.is_some());
        if waits && !bounded && !step.negated {
            return fail(
                step,
                "what must not come after this step needs to know when the step is over",
                "add WITHIN 30s to the step",
            );
        }
        if waits && step.negated && step.within.is_none() {
            return fail(step, "two steps with NOT that follow one another are one", "join them with OR");
        }
    }
    match steps.last() {
        Some(last) if last.within.is_none() => fail(
            last,
            "the last step of a sequence needs a time: nothing is waited for for ever",
            "add WITHIN 30s to it",
        ),
        _ => Ok(()),
    }
}

/// What only makes sense together.
pub(super) fn check_clauses(select: &Select) -> Result<(), SqlError> {
    let fail = |pos: Pos, message: &str, hint: &str| Err(SqlError::at(pos, message).with_hint(Some(hint.to_owned())));
    let pos = |place: Option<Pos>| place.unwrap_or(Pos { line: 1, column: 1 });
    let joined = select.window.is_some() || !select.joins.is_empty();
    if let Some(also) = select.also.first() {
        let follows = select.sequence.is_some() || select.alert.is_some();
        if !follows || joined {
            return fail(
                also.pos,
                "several streams after FROM are not joined",
                "use JOIN, or let one thing follow another: A THEN B WITHIN 30s",
            );
        }
    }
    if let Some(sequence) = &select.sequence {
        let place = sequence.steps.first().map(|step| step.pos);
        if joined || !select.group_by.is_empty() || select.having.is_some() {
            return fail(
                pos(place),
                "a sequence takes no window, no join and no HAVING",
                "list its streams after FROM, with commas",
            );
        }
    }
    let Some(alert) = &select.alert else { return Ok(()) };
    if alert.absent.is_some() {
        if joined || select.sequence.is_some() || !select.group_by.is_empty() || select.having.is_some() {
            return fail(
                alert.pos,
                "ABSENT takes no window, no join, no HAVING and no sequence",
                "say in WHERE what is waited for",
            );
        }
        if alert.hold.is_some() || alert.resolve {
            return fail(alert.pos, "ABSENT takes no FOR and no RESOLVE", "it is over when the silence is");
        }
    }
    if select.sequence.is_some() && alert.hold.is_some() {
        return fail(
            alert.pos,
            "a sequence is a moment, and cannot last FOR some time",
            "RESOLVE AFTER says when its alert is over",
        );
    }
    if let Some(when) = &alert.resolve_when
        && (joined || select.sequence.is_some())
    {
        return fail(
            when.pos,
            "RESOLVE WHEN looks at single rows: not at windows, joins or sequences",
            "use RESOLVE AFTER",
        );
    }
    Ok(())
}

impl AlertClause {
    /// Whether something lasts, and is over.
    pub(crate) fn lasts(&self, sequence: bool) -> bool {
        self.hold.is_some() || self.resolve || (!sequence && self.absent.is_none())
    }
}
