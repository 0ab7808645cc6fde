//! Tests of what may still be spent.

use std::pin::Pin;
use std::time::Duration;

use futures_util::future::join_all;
use proptest::prelude::*;

use super::*;
use crate::clock::Clock;
use crate::engine::purse::{AccountLimits, RunPurse, SharedPurse};
use crate::journal::memory::MemoryStore;

/// A clock that stands until the test moves it.
#[derive(Debug)]
struct Hands(Mutex<Timestamp>);

impl Hands {
    fn at(instant: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(instant.parse().unwrap())))
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }

    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

fn pico(amount: u64) -> Money {
    Money::from_pico(amount)
}

fn budget(clock: Arc<Hands>, day: Option<u64>) -> Arc<Budget> {
    let budget = Budget::new(Arc::new(MemoryStore::new()), clock);
    budget.limit_days(DayLimit { cost: day.map(pico), ..DayLimit::default() });
    Arc::new(budget)
}

fn account(workflow: &str, limits: [Option<u64>; 3]) -> Account {
    let [step, run, day] = limits.map(|limit| limit.map(pico));
    let run = RunPurse::new(workflow.into(), run, Money::ZERO, None);
    Account {
        workflow: workflow.into(),
        limits: AccountLimits { step, day },
        step: SharedPurse::default(),
        run,
    }
}

fn ask(least: u64, most: u64) -> Ask {
    let cost = Some(CostRange { least: pico(least), most: pico(most) });
    Ask { what: "local/m".to_owned(), cost }
}

async fn refused(budget: &Arc<Budget>, account: &Account, ask: &Ask) -> (String, String) {
    match budget.reserve(account, ask).await {
        Ok(_) => panic!("it was granted"),
        Err(error) => {
            assert_eq!(error.retry, Retry::Alternative);
            (error.failure.code.into_owned(), error.failure.message)
        }
    }
}

#[tokio::test]
async fn each_purse_that_is_too_small_is_named() {
    let clock = Hands::at("2026-03-01T12:00:00Z");
    for (limits, day, name) in [
        ([Some(9), None, None], None, "the step's `limits.cost` has $0.000000000009 left"),
        ([None, Some(9), None], None, "`limits.run.cost` has"),
        ([None, None, Some(9)], None, "the workflow's `limits.day.cost` has"),
        ([None, None, None], Some(9), "`limits.day.cost` in howdah.yaml has"),
    ] {
        let budget = budget(clock.clone(), day);
        let account = account("w", limits);
        let (code, message) = refused(&budget, &account, &ask(10, 10)).await;
        assert!(code == "over_budget" && message.contains(name), "{message}");
        assert!(message.contains("the call can cost $0.00000000001,"), "{message}");
        let unknown = Ask { what: "local/m".to_owned(), cost: None };
        let (code, message) = refused(&budget, &account, &unknown).await;
        assert!(code == "unknown_price" && message.contains("`prices:`"), "{message}");
        budget.reserve(&account, &ask(9, 9)).await.unwrap().settle(pico(9));
    }
    let free = budget(clock, None);
    let unknown = Ask { what: "local/m".to_owned(), cost: None };
    let granted = free.reserve(&account("w", [None; 3]), &unknown).await.unwrap();
    assert_eq!(granted.granted(), None);
}

#[tokio::test]
async fn what_is_not_spent_comes_back_and_what_nobody_knows_counts_whole() {
    let budget = budget(Hands::at("2026-03-01T12:00:00Z"), None);
    let account = account("w", [None, Some(100), None]);
    let first = budget.reserve(&account, &ask(10, 1_000)).await.unwrap();
    assert_eq!(first.granted(), Some(pico(100)));
    let ten = ask(10, 10);
    let second = budget.reserve(&account, &ten);
    tokio::pin!(second);
    assert!(futures_util::poll!(second.as_mut()).is_pending(), "it waits for what comes back");
    first.settle(pico(30));
    assert_eq!(second.await.unwrap().granted(), Some(pico(10)));
    // That one was dropped, and so 40 are gone.
    assert_eq!(budget.reserve(&account, &ask(1, 1_000)).await.unwrap().granted(), Some(pico(60)));
    assert_eq!(refused(&budget, &account, &ask(1, 1)).await.0, "over_budget");
}

#[tokio::test]
async fn what_a_call_spends_its_caller_has_spent() {
    let budget = budget(Hands::at("2026-03-01T12:00:00Z"), None);
    let caller = account("outer", [None, Some(100), None]);
    let called = |limit: Option<u64>| Account {
        run: RunPurse::new("inner".into(), limit.map(pico), Money::ZERO, Some(caller.run.clone())),
        ..account("inner", [None; 3])
    };
    let (first, second) = (called(None), called(Some(70)));
    budget.reserve(&first, &ask(60, 60)).await.unwrap().settle(pico(60));
    assert_eq!(budget.reserve(&second, &ask(1, 1_000)).await.unwrap().granted(), Some(pico(40)));
    let (code, message) = refused(&budget, &first, &ask(1, 1)).await;
    let name = "`limits.run.cost` of `outer`, from which it was called, has $0.00 left of $0.0000000001;";
    assert!(code == "over_budget" && message.contains(name), "{message}");
    assert_eq!(refused(&budget, &caller, &ask(1, 1)).await.0, "over_budget");
}

#[tokio::test]
async fn a_new_day_begins_at_midnight_where_people_live() {
    let clock = Hands::at("2026-03-01T22:30:00Z");
    let budget = budget(clock.clone(), None);
    let paris = TimeZone::get("Europe/Paris").unwrap();
    budget.limit_days(DayLimit { cost: Some(pico(10)), timezone: paris });
    let account = account("w", [None, None, Some(10)]);
    budget.reserve(&account, &ask(10, 10)).await.unwrap().settle(pico(10));
    assert_eq!(refused(&budget, &account, &ask(1, 1)).await.0, "over_budget");
    *lock(&clock.0) = "2026-03-01T23:00:00Z".parse().unwrap();
    let late = budget.reserve(&account, &ask(10, 10)).await.unwrap();
    // What is set aside at midnight is set aside on the next day, too.
    *lock(&clock.0) = "2026-03-02T23:00:00Z".parse().unwrap();
    let next = ask(1, 10);
    let waits = budget.reserve(&account, &next);
    tokio::pin!(waits);
    assert!(futures_util::poll!(waits.as_mut()).is_pending());
    late.settle(pico(4));
    assert_eq!(waits.await.unwrap().granted(), Some(pico(6)));
}

proptest! {
    #[test]
    fn no_limit_is_passed_however_many_call_at_once(
        calls in prop::collection::vec((0..3_usize, 1..50_u64, 0..100_u64, 0..=100_u64, 0..4_u8), 1..60),
        limits in (1..200_u64, 1..400_u64, 1..600_u64),
    ) {
        let (run, day, all) = limits;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let budget = budget(Hands::at("2026-03-01T12:00:00Z"), Some(all));
            let mut accounts: Vec<_> =
                ["a", "a", "b"].iter().map(|name| account(name, [None, Some(run), Some(day)])).collect();
            // The first calls the last.
            let caller = Some(accounts[0].run.clone());
            accounts[2].run = RunPurse::new("b".into(), Some(pico(run)), Money::ZERO, caller);
            let within = || {
                let days = lock(&budget.days);
                let total = |purse: &Purse| purse.spent + purse.reserved;
                assert!(total(&days.all) <= pico(all));
                assert!(days.workflows.values().all(|purse| total(purse) <= pico(day)));
                for account in &accounts {
                    account.each(&mut |purse, limit, _| assert!(limit.is_none_or(|most| total(purse) <= most)));
                }
            };
            let results = join_all(calls.into_iter().map(|(which, least, more, used, pauses)| {
                let (budget, account, within) = (&budget, &accounts[which], &within);
                async move {
                    let Ok(reservation) = budget.reserve(account, &ask(least, least + more)).await else {
                        return 0;
                    };
                    within();
                    for _ in 0..pauses {
                        tokio::task::yield_now().await;
                    }
                    let granted = reservation.granted().unwrap().pico();
                    assert!((least..=least + more).contains(&granted));
                    let spent = granted * used / 100;
                    reservation.settle(pico(spent));
                    within();
                    spent
                }
            }))
            .await;
            let days = lock(&budget.days);
            assert_eq!((days.all.spent, days.all.reserved), (pico(results.iter().sum()), Money::ZERO));
        });
    }
}
