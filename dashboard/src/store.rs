//! The page's one state: the model, and the signals that views read. Redraws at most ten times a second, and only what
//! changed.

use crate::{
    board::{self, Board},
    model::{Class, Link, Model, News, class},
    steady::Steady,
};
use leptos::prelude::*;
use std::{sync::Arc, time::Duration};
use wire::{Demo, Entry, Minute, Query, State, Summary};

/// Handed to every view. Small, and copied freely.
#[derive(Clone, Copy)]
pub struct Store {
    model: StoredValue<Model, LocalStorage>,
    /// When the next publication is due, in ms of this machine's clock.
    due: StoredValue<Option<u64>, LocalStorage>,
    pub link: RwSignal<Link>,
    /// Nothing on the page may look safe.
    pub lost: Steady<bool>,
    pub summary: RwSignal<Option<Arc<Summary>>>,
    pub demo: RwSignal<Option<Arc<Demo>>>,
    pub board: RwSignal<Arc<Board>>,
    pub minutes: RwSignal<Vec<Minute>>,
    /// The gate's time, in ms; moves each second.
    pub now: RwSignal<u64>,
    /// The age of the last news, in ms.
    pub silence: RwSignal<u64>,
    /// The gate's time when the reader stopped the page.
    pub paused: RwSignal<Option<u64>>,
    /// The reader's pointer or focus is in the list: nothing may move there.
    pub held: RwSignal<bool>,
    /// Decisions that came since the list was drawn.
    pub waiting: RwSignal<usize>,
    /// The query of the list of decisions; none while another page is shown.
    pub asked: RwSignal<Option<String>>,
    /// Whether the list was read from the journal.
    pub listed: RwSignal<bool>,
    /// Why the gate gave no answer, in its words.
    pub fault: RwSignal<Option<String>>,
}

impl Store {
    /// Before anything was heard.
    pub fn begin() -> Store {
        let link = RwSignal::new(Link::Connecting);
        Store {
            model: StoredValue::new_local(Model::default()),
            due: StoredValue::new_local(None),
            link,
            lost: Steady::new(move |_| link.get() != Link::Live),
            summary: RwSignal::new(None),
            demo: RwSignal::new(None),
            board: RwSignal::new(Arc::new(Board::default())),
            minutes: RwSignal::new(Vec::new()),
            now: RwSignal::new(clock()),
            silence: RwSignal::new(0),
            paused: RwSignal::new(None),
            held: RwSignal::new(false),
            waiting: RwSignal::new(0),
            asked: RwSignal::new(None),
            listed: RwSignal::new(false),
            fault: RwSignal::new(None),
        }
    }

    /// Takes in what the feed brought, and draws it soon: a refusal within a tenth of a second.
    pub fn take(self, news: News) {
        let wait = match &news {
            News::Row(row) => match &row.entry {
                Entry::Decision(decision) if class(decision) == Class::Passed => CALM,
                _ => SOON,
            },
            News::Lost | News::Dropped => 0,
            _ => SOON,
        };
        let changed = self.model.try_update_value(|model| model.apply(news, clock())).unwrap_or(false);
        if changed {
            self.publish_within(wait);
        }
    }

    /// Changes the model outside the feed, and draws it at once.
    pub fn update(self, act: impl FnOnce(&mut Model)) {
        self.model.update_value(act);
        self.publish();
    }

    /// Asks the model.
    pub fn read<T>(self, ask: impl FnOnce(&Model) -> T) -> T {
        self.model.with_value(ask)
    }

    fn publish_within(self, wait: u64) {
        let due = clock().saturating_add(wait);
        if self.due.get_value().is_some_and(|sooner| sooner <= due) {
            return;
        }
        self.due.set_value(Some(due));
        let act = move || {
            if self.due.try_get_value().flatten().is_some() {
                self.publish();
            }
        };
        set_timeout(act, Duration::from_millis(wait));
    }

    /// Draws what the model holds.
    pub fn publish(self) {
        self.due.set_value(None);
        let link = self.read(|model| model.link);
        if self.link.get_untracked() != link {
            self.link.set(link);
        }
        if link == Link::Live
            && self.fault.with_untracked(Option::is_some)
            && self.asked.with_untracked(Option::is_none)
        {
            self.fault.set(None);
        }
        let demo = self.read(|model| model.demo.clone());
        if !is_same(&demo, &self.demo.get_untracked()) {
            self.demo.set(demo);
        }
        let stopped = self.paused.get_untracked().is_some();
        if !stopped {
            let summary = self.read(|model| model.summary.clone());
            if !is_same(&summary, &self.summary.get_untracked()) {
                self.summary.set(summary);
            }
        }
        if self.asked.with_untracked(Option::is_some) {
            self.publish_board(stopped || self.held.get_untracked());
        }
    }

    fn publish_board(self, still: bool) {
        let fresh = self.read(board::board);
        if still && self.board.with_untracked(|board| board.held > 0) {
            let newest = |board: &Board| {
                board.sections.iter().flat_map(|it| &it.folds).map(|fold| fold.row).max().unwrap_or_default()
            };
            let drawn = self.board.with_untracked(|board| newest(board));
            let waiting = self.read(|model| model.rows.newer_than(drawn));
            if self.waiting.get_untracked() != waiting {
                self.waiting.set(waiting);
            }
            return;
        }
        if self.waiting.get_untracked() != 0 {
            self.waiting.set(0);
        }
        let now = self.now.get_untracked();
        self.minutes.set(self.read(|model| board::minutes(&model.rows, now)));
        if self.board.with_untracked(|board| **board != fresh) {
            self.board.set(Arc::new(fresh));
        }
    }

    /// Draws what waited, even while the pointer is in the list.
    pub fn release(self) {
        self.publish_board(false);
    }

    /// Stops the page, or lets it go on.
    pub fn pause(self) {
        let stopped = self.paused.get_untracked().is_some();
        self.paused.set((!stopped).then(|| self.now.get_untracked()));
        if stopped {
            self.publish();
        }
    }

    /// A second has passed.
    pub fn tick(self) {
        let here = clock();
        let (now, heard, overdue) = self.read(|model| (model.gate_time(here), model.heard, model.is_overdue(here)));
        self.now.set(now);
        self.silence.set(if heard == 0 { 0 } else { here.saturating_sub(heard) });
        if overdue {
            self.take(News::Lost);
        }
        let window = self.asked.with_untracked(|asked| Query::parse(asked.as_deref()?).ok()?.window());
        if let (Some(window), None) = (window, self.paused.get_untracked()) {
            self.model.update_value(|model| model.forget_before(now.saturating_sub(window)));
            self.publish_within(CALM);
        }
    }

    /// Grows by one every other second while summaries come: views that read more than the summary read again.
    pub fn pulse(self) -> Steady<u64> {
        Steady::new(move |_| self.summary.with(|it| it.as_ref().map_or(0, |summary| summary.at / 2_000)))
    }

    /// A part of the summary, which changes only when that part does.
    pub fn part<T: PartialEq + Default + Clone + Send + Sync + 'static>(
        self,
        part: impl Fn(&Summary) -> T + Send + Sync + 'static,
    ) -> Steady<T> {
        Steady::new(move |_| self.summary.with(|it| it.as_ref().map(|summary| part(summary)).unwrap_or_default()))
    }
}

fn is_same<T>(a: &Option<Arc<T>>, b: &Option<Arc<T>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// What a state is as long as the gate is not heard: nothing is known to be safe any more.
pub const fn doubted(state: State) -> State {
    match state {
        State::Safe | State::Asserted => State::Unknown,
        State::Exposed | State::Unverified | State::Conflict | State::Unknown => state,
    }
}

/// The store of this page.
pub fn store() -> Store {
    expect_context()
}

/// This machine's clock, in ms since 1970.
pub fn clock() -> u64 {
    // INVARIANT: whole milliseconds of this era; a clock before 1970 reads as 1970.
    Duration::try_from_secs_f64(js_sys::Date::now() / 1_000.0)
        .map_or(0, |it| u64::try_from(it.as_millis()).unwrap_or(0))
}

/// How far east of UTC the reader is, in minutes.
pub fn east() -> i32 {
    let west = js_sys::Date::new_0().get_timezone_offset();
    // INVARIANT: browsers give whole minutes between -14 and 14 hours; what is not so reads as UTC.
    (-840..=840).find(|minutes| f64::from(*minutes) == -west).unwrap_or_default()
}

/// Ten redraws a second at most.
const SOON: u64 = 100;
/// What nobody refused may wait a little.
const CALM: u64 = 400;
