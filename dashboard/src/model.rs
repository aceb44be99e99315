//! What the page knows: a pure function of what the feed told it. No browser, no clock; `now` is an argument.
//!
//! Refuses to count a row twice, to keep more than it can hold, and to call anything fresh that is not.

use std::{collections::BTreeMap, sync::Arc};
use wire::{
    Decision, Demo, Entry, Gap, Row, Summary, Verdict,
    feed::{Beat, Expired, Replaced},
};

/// What arrives from the feed.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A decision, a gap or an event of the gate.
    Row(Row),
    Expired(Expired),
    Replaced(Replaced),
    /// The gate lives; with an id, it has sent everything up to there.
    Beat(Option<u64>, Beat),
    Summary(Box<Summary>),
    Demo(Box<Demo>),
    /// The gate ends the stream, because this reader is too slow.
    Dropped,
    /// The connection is gone, or silent for too long.
    Lost,
    /// A new attempt to connect begins.
    Trying,
}

/// How the page stands to the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nothing was heard yet.
    Connecting,
    Live,
    /// Nothing on the page is known to be true any more. Milliseconds of this machine's clock: the last news.
    Lost {
        since: u64,
    },
}

/// Everything the feed told, bounded.
#[derive(Clone, Debug)]
pub struct Model {
    pub link: Link,
    pub summary: Option<Arc<Summary>>,
    pub demo: Option<Arc<Demo>>,
    /// When anything was heard, in ms of this machine's clock.
    pub heard: u64,
    pub rows: Rows,
    pub notices: Vec<Notice>,
    /// The last row that was seen or skipped: where the feed goes on.
    place: Option<u64>,
    /// The gate's clock less this machine's, in ms.
    ahead: i64,
    /// Attempts to connect since the last news.
    tries: u32,
}

/// Something in the list that is no decision, and must not be overlooked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The journal lost decisions.
    Lost(Gap),
    /// Retention took rows before this page could read them.
    Expired(Expired),
    /// The gate has another journal now; what was shown before is gone.
    Replaced,
}

/// What a decision counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Refused,
    WouldRefuse,
    Passed,
}

impl Class {
    /// The term of a query that keeps this class only.
    pub fn term(self) -> &'static str {
        match self {
            Class::Refused => "verdict:deny",
            Class::WouldRefuse => "shadow:true",
            Class::Passed => "-verdict:deny shadow:false",
        }
    }

    /// How many of it are held: together 2,000 of about 2 kB, what a phone holds without noticing.
    pub fn most(self) -> usize {
        match self {
            Class::Refused => 1_000,
            Class::WouldRefuse | Class::Passed => 500,
        }
    }
}

/// The class that a decision belongs to.
pub fn class(decision: &Decision) -> Class {
    match decision.verdict {
        Verdict::Deny => Class::Refused,
        Verdict::NoOpinion | Verdict::Allow if decision.would_refuse() => Class::WouldRefuse,
        Verdict::NoOpinion | Verdict::Allow => Class::Passed,
    }
}

/// Decisions by row, in three bounded shelves, so that a flood of one kind never pushes out another.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub refused: Shelf,
    pub would: Shelf,
    pub passed: Shelf,
}

/// Decisions of one class, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    held: BTreeMap<u64, Arc<Decision>>,
    /// Older ones exist, and are not held.
    pub cut: bool,
    /// How often the reader asked for older ones.
    pub pages: usize,
}

impl Shelf {
    /// The newest first.
    pub fn newest(&self) -> impl Iterator<Item = (u64, &Arc<Decision>)> {
        self.held.iter().rev().map(|(row, decision)| (*row, decision))
    }

    /// How many are held.
    pub fn count(&self) -> usize {
        self.held.len()
    }

    /// The row of the oldest.
    pub fn oldest(&self) -> Option<u64> {
        self.held.keys().next().copied()
    }

    fn put(&mut self, row: u64, decision: Arc<Decision>, most: usize) {
        self.held.insert(row, decision);
        while self.held.len() > most {
            self.held.pop_first();
            self.cut = true;
        }
    }

    fn forget_before(&mut self, time: u64) {
        self.held.retain(|_, decision| decision.at >= time);
    }
}

impl Rows {
    /// The shelf of a class.
    pub fn of(&self, class: Class) -> &Shelf {
        match class {
            Class::Refused => &self.refused,
            Class::WouldRefuse => &self.would,
            Class::Passed => &self.passed,
        }
    }

    fn of_mut(&mut self, class: Class) -> &mut Shelf {
        match class {
            Class::Refused => &mut self.refused,
            Class::WouldRefuse => &mut self.would,
            Class::Passed => &mut self.passed,
        }
    }

    fn put(&mut self, row: u64, decision: Arc<Decision>) {
        let class = class(&decision);
        self.of_mut(class).put(row, decision, class.most());
    }

    /// All of them.
    pub fn count(&self) -> usize {
        self.refused.count() + self.would.count() + self.passed.count()
    }

    /// How many came after this row.
    pub fn newer_than(&self, row: u64) -> usize {
        let newer = |shelf: &Shelf| shelf.newest().take_while(|(at, _)| *at > row).count();
        newer(&self.refused) + newer(&self.would) + newer(&self.passed)
    }
}

impl Default for Model {
    fn default() -> Model {
        Model {
            link: Link::Connecting,
            summary: None,
            demo: None,
            heard: 0,
            rows: Rows::default(),
            notices: Vec::new(),
            place: None,
            ahead: 0,
            tries: 0,
        }
    }
}

impl Model {
    /// Takes in what arrived; `now` in ms of this machine's clock. Says whether the page looks different for it.
    pub fn apply(&mut self, news: News, now: u64) -> bool {
        match news {
            News::Lost | News::Dropped => return self.lose(),
            News::Trying => {
                self.tries = self.tries.saturating_add(1);
                return false;
            }
            _ => {}
        }
        let was = self.link;
        (self.link, self.heard, self.tries) = (Link::Live, now, 0);
        let changed = match news {
            News::Row(row) => self.row(row),
            News::Expired(expired) => {
                self.notice(Notice::Expired(expired));
                self.skip_to(expired.to);
                true
            }
            News::Replaced(_) => self.begin_again(),
            News::Beat(row, beat) => {
                self.ahead = ahead(beat.at, now);
                row.into_iter().for_each(|row| self.skip_to(row));
                false
            }
            News::Summary(summary) => {
                self.ahead = ahead(summary.at, now);
                self.summary = Some(Arc::from(summary));
                true
            }
            News::Demo(demo) => {
                self.demo = Some(Arc::from(demo));
                true
            }
            News::Lost | News::Dropped | News::Trying => false,
        };
        changed || was != Link::Live
    }

    /// Another question: forgets the rows of the last one. The feed goes on after `place`.
    pub fn ask(&mut self) {
        self.rows = Rows::default();
        self.notices.clear();
        self.place = None;
    }

    /// Puts in a page of the journal: rows in any order, and whether older ones of this class exist.
    pub fn fill(&mut self, rows: Vec<Row>, class: Class, cut: bool, last: u64) {
        self.put(rows);
        self.rows.of_mut(class).cut |= cut;
        // Pages are read one after the other: what came between them comes again by the feed, and is put in place twice.
        self.place = Some(self.place.map_or(last, |place| place.min(last)));
    }

    /// The reader wants older ones of this class: one page more of those that are held.
    pub fn page(&mut self, class: Class) {
        self.rows.of_mut(class).pages += 1;
    }

    /// Puts in the page of the journal before the oldest row of a class, and whether there are still older ones.
    pub fn fill_older(&mut self, rows: Vec<Row>, class: Class, cut: bool) {
        self.rows.of_mut(class).cut = cut;
        self.put(rows);
        self.page(class);
    }

    fn put(&mut self, rows: Vec<Row>) {
        for row in rows {
            if let Entry::Decision(decision) = row.entry {
                self.rows.put(row.row, Arc::from(decision));
            }
        }
    }

    /// Where the feed goes on.
    pub fn place(&self) -> Option<u64> {
        self.place
    }

    /// The gate's time, in ms.
    pub fn gate_time(&self, now: u64) -> u64 {
        now.saturating_add_signed(self.ahead)
    }

    /// How long to wait before the next attempt to connect, in ms.
    pub fn patience(&self) -> u32 {
        FIRST_WAIT.saturating_mul(1 << self.tries.min(MOST_DOUBLINGS))
    }

    /// Whether the gate has been silent for so long that it must be taken for gone. It beats each second.
    pub fn is_overdue(&self, now: u64) -> bool {
        self.link == Link::Live && now.saturating_sub(self.heard) > OVERDUE
    }

    /// Lets decisions go that are older than the question's window.
    pub fn forget_before(&mut self, time: u64) {
        self.rows.refused.forget_before(time);
        self.rows.would.forget_before(time);
        self.rows.passed.forget_before(time);
    }

    fn row(&mut self, row: Row) -> bool {
        if self.place.is_some_and(|place| row.row <= place) {
            return false;
        }
        self.place = Some(row.row);
        match row.entry {
            Entry::Decision(decision) => self.rows.put(row.row, Arc::from(decision)),
            Entry::Gap(gap) => self.notice(Notice::Lost(gap)),
            // The summary tells what the gate did, in its own words.
            Entry::Event(_) | Entry::Csr(_) => return false,
        }
        true
    }

    fn skip_to(&mut self, row: u64) {
        self.place = Some(self.place.map_or(row, |place| place.max(row)));
    }

    fn begin_again(&mut self) -> bool {
        self.ask();
        self.place = Some(0);
        self.notice(Notice::Replaced);
        true
    }

    fn lose(&mut self) -> bool {
        let was = self.link;
        if self.link == Link::Live {
            self.link = Link::Lost { since: self.heard };
        }
        was != self.link
    }

    fn notice(&mut self, notice: Notice) {
        if self.notices.len() >= MOST_NOTICES {
            self.notices.remove(0);
        }
        self.notices.push(notice);
    }
}

fn ahead(gate: u64, now: u64) -> i64 {
    i64::try_from(gate).unwrap_or(i64::MAX).saturating_sub(i64::try_from(now).unwrap_or(i64::MAX))
}

/// More lines than this say nothing new.
const MOST_NOTICES: usize = 5;
/// The gate beats each second; three beats may be late in a bad network.
pub const OVERDUE: u64 = 3_500;
/// From half a second to four: a restart is seen at once, and a dead host is not hammered.
const FIRST_WAIT: u32 = 500;
const MOST_DOUBLINGS: u32 = 3;

#[cfg(test)]
mod tests;
