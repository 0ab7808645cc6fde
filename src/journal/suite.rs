//! What every store promises, asked of both.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use crate::event::{Awaited, Identity, SeenFile, TriggerId};
use crate::ids::{Digest, RunId};
use crate::journal::entry::{AfterFailure, Entry, Overflow, StepEnd, Stop, Turn};
use crate::journal::items::LoopKey;
use crate::journal::memory::MemoryStore;
use crate::journal::row::{Found, RunFilter};
use crate::journal::samples::{
    BUNDLE, accepted, bundle, ended, failed, finished, inline, instant, new_run, sqlite, started,
};
use crate::journal::state::RunState;
use crate::journal::status::{RunEnd, RunStatus};
use crate::journal::store::{
    Acceptance, Accepted, AppendError, Arming, Claim, Commit, SharedStore, Store, StoreError, TriggerKey,
    Version,
};
use crate::journal::variables::{StateChange, StateOwner, StateValues};
use crate::money::{Cost, Money};
use crate::value::{INLINE_LIMIT, Json, Value};
use serde_json::json;

async fn on_both(test: impl AsyncFn(SharedStore)) {
    test(Arc::new(MemoryStore::new())).await;
    let dir = tempfile::tempdir().unwrap();
    test(Arc::new(sqlite(&dir.path().join(".howdah")))).await;
}

fn trigger() -> TriggerKey {
    TriggerKey { workflow: "w".to_owned(), trigger: TriggerId { kind: "webhook".to_owned(), index: 1 } }
}

fn offer(key: &str, keep: Option<Duration>, now: i64) -> (RunId, Acceptance) {
    let (state, commit) = RunState::accept(RunId::new(), vec![accepted("w")]).unwrap();
    let identity = Identity { key: key.to_owned(), keep };
    (state.run, Acceptance { claim: Some(Claim { identity, now: instant(now) }), ..Acceptance::of(commit) })
}

fn file(path: &[u8], content: &[u8]) -> SeenFile {
    SeenFile {
        path: path.to_vec(),
        content: Digest::of(content),
        size: content.len() as u64,
        modified: "1969-07-20T20:17:40.123456789Z".parse().unwrap(),
    }
}

#[tokio::test]
async fn a_run_is_the_fold_of_what_was_appended() {
    on_both(async |store| {
        let mut run = new_run(&*store, "w").await;
        let step = run.commit(vec![started("a", 1)]);
        assert_eq!(store.append(step).await, Ok(Version(2)));
        let rest = run.commit(vec![finished("a", 7), ended(RunEnd::Succeeded)]);
        assert_eq!(store.append(rest).await, Ok(Version(4)));
        let entries = store.load(run.run).await.unwrap().unwrap();
        assert_eq!(RunState::fold(run.run, &entries).unwrap(), run);
        assert_eq!(store.row(run.run).await.unwrap(), Some(run.summary()));
        assert_eq!(store.load(RunId::new()).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn a_run_may_arrive_finished() {
    on_both(async |store| {
        store.put_bundle(bundle(), BUNDLE.to_vec()).await.unwrap();
        let entries = vec![accepted("w"), finished("a", 1), ended(RunEnd::Succeeded)];
        let (run, commit) = RunState::accept(RunId::new(), entries).unwrap();
        let before = store.stats().commits;
        store.accept(Acceptance::of(commit)).await.unwrap();
        assert_eq!(store.stats().commits, before + 1);
        assert_eq!(store.row(run.run).await.unwrap(), Some(run.summary()));
        assert_eq!(store.unfinished().await, Ok(vec![]));
    })
    .await;
}

#[tokio::test]
async fn of_two_commits_on_one_version_one_is_made() {
    on_both(async |store| {
        let run = new_run(&*store, "w").await;
        let rivals = (0..16).map(|output| {
            let commit = run.clone().commit(vec![finished("a", output)]);
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.append(commit).await })
        });
        let mut made = 0;
        for rival in rivals.collect::<Vec<_>>() {
            match rival.await.unwrap() {
                Ok(version) => made += version.0 / 2,
                Err(error) => assert_eq!(error, AppendError::Conflict { found: Version(2) }),
            }
        }
        assert_eq!(made, 1);
        assert_eq!(store.load(run.run).await.unwrap().unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_conflict_names_the_version_that_stands() {
    on_both(async |store| {
        let mut run = new_run(&*store, "w").await;
        let commit = run.commit(vec![started("a", 1)]);
        store.append(commit.clone()).await.unwrap();
        let again = store.append(commit).await;
        assert_eq!(again, Err(AppendError::Conflict { found: Version(2) }), "made before, not made twice");
        assert_eq!(store.append(run.commit(vec![])).await, Err(StoreError::Empty.into()));
        let (mut nobody, _) = RunState::accept(RunId::new(), vec![accepted("w")]).unwrap();
        let lost = store.append(nobody.commit(vec![started("a", 1)])).await;
        assert_eq!(lost, Err(AppendError::Conflict { found: Version::NONE }));
    })
    .await;
}

#[tokio::test]
async fn one_identity_starts_one_run_while_it_is_kept() {
    on_both(async |store| {
        store.put_bundle(bundle(), BUNDLE.to_vec()).await.unwrap();
        let day = Some(Duration::from_secs(1));
        let (first, acceptance) = offer("k", day, 1_000);
        assert_eq!(store.accept(acceptance.clone()).await, Ok(Accepted::New));
        let (second, again) = offer("k", day, 1_999);
        assert_eq!(store.accept(again).await, Ok(Accepted::Repeat(first)));
        assert_eq!(store.load(second).await, Ok(None), "the run that was offered does not exist");
        let (_, other) = offer("other", day, 1_999);
        assert_eq!(store.accept(other).await, Ok(Accepted::New));
        let (third, late) = offer("k", day, 2_000);
        assert_eq!(store.accept(late).await, Ok(Accepted::New), "the identity was forgotten");
        let (_, again) = offer("k", None, 2_001);
        assert_eq!(store.accept(again).await, Ok(Accepted::Repeat(third)));
    })
    .await;
}

#[tokio::test]
async fn an_identity_without_an_end_is_kept_for_ever() {
    on_both(async |store| {
        store.put_bundle(bundle(), BUNDLE.to_vec()).await.unwrap();
        let (first, acceptance) = offer("k", None, 1_000);
        assert_eq!(store.accept(acceptance).await, Ok(Accepted::New));
        let (_, again) = offer("k", None, 200_000_000_000_000);
        assert_eq!(store.accept(again).await, Ok(Accepted::Repeat(first)));
    })
    .await;
}

#[tokio::test]
async fn accepting_the_same_run_again_changes_nothing() {
    on_both(async |store| {
        let run = new_run(&*store, "w").await;
        let (_, again) = RunState::accept(run.run, vec![accepted("w"), started("a", 1)]).unwrap();
        assert_eq!(store.accept(Acceptance::of(again)).await, Ok(Accepted::Repeat(run.run)));
        assert_eq!(store.row(run.run).await.unwrap(), Some(run.summary()));
    })
    .await;
}

#[tokio::test]
async fn a_run_needs_its_definition_kept_first() {
    on_both(async |store| {
        let (run, commit) = RunState::accept(RunId::new(), vec![accepted("w")]).unwrap();
        let refused = store.accept(Acceptance::of(commit)).await;
        assert_eq!(refused, Err(StoreError::NoBundle(bundle())));
        assert_eq!(store.row(run.run).await, Ok(None));
        store.put_bundle(bundle(), BUNDLE.to_vec()).await.unwrap();
        store.put_bundle(bundle(), BUNDLE.to_vec()).await.unwrap();
        assert_eq!(store.bundle(bundle()).await.unwrap().as_deref(), Some(BUNDLE));
        assert_eq!(store.bundle(Digest::of(b"other")).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn lists_are_newest_first_filtered_and_paged() {
    on_both(async |store| {
        let mut all = Vec::new();
        for number in 0..12 {
            let mut run = new_run(&*store, if number % 2 == 0 { "even" } else { "odd" }).await;
            if number % 3 == 0 {
                let commit = run.commit(vec![ended(RunEnd::Failed)]);
                store.append(commit).await.unwrap();
            }
            all.insert(0, run.summary());
        }
        let filters = [
            RunFilter::default(),
            RunFilter { statuses: vec![RunStatus::Failed], ..RunFilter::default() },
            RunFilter { workflow: Some("odd".to_owned()), ..RunFilter::default() },
            RunFilter {
                workflow: Some("even".to_owned()),
                statuses: vec![RunStatus::Queued, RunStatus::Waiting],
                ..RunFilter::default()
            },
        ];
        for filter in filters {
            let expected: Vec<_> = all.iter().filter(|row| filter.admits(row)).cloned().collect();
            assert!(expected.len() > 2);
            let mut filter = RunFilter { limit: 2, ..filter };
            let mut listed = Vec::new();
            loop {
                let page = store.list(filter.clone()).await.unwrap();
                assert!(page.rows.len() <= 2);
                listed.extend(page.rows);
                match page.next {
                    Some(next) => filter.before = Some(next),
                    None => break,
                }
            }
            assert_eq!(listed, expected, "{filter:?}");
        }
        let unfinished = store.unfinished().await.unwrap();
        let expected: Vec<_> = all.iter().rev().filter(|row| row.status.is_unfinished()).cloned().collect();
        assert_eq!(unfinished, expected);
    })
    .await;
}

#[tokio::test]
async fn a_unique_beginning_of_an_id_is_enough() {
    on_both(async |store| {
        assert_eq!(store.find(String::new()).await, Ok(Found::None));
        let runs = [new_run(&*store, "w").await.run, new_run(&*store, "w").await.run];
        let text = runs[1].to_string();
        let common = text.bytes().zip(runs[0].to_string().bytes()).take_while(|(a, b)| a == b).count();
        assert_eq!(store.find(text[..=common].to_owned()).await, Ok(Found::One(runs[1])));
        assert_eq!(store.find(text.replace('-', "").to_uppercase()).await, Ok(Found::One(runs[1])));
        assert_eq!(store.find(text[..common].to_owned()).await, Ok(Found::Many(runs.to_vec())));
        assert_eq!(store.find("ffff".to_owned()).await, Ok(Found::None));
        assert_eq!(store.find("' OR 1".to_owned()).await, Ok(Found::None));
    })
    .await;
}

#[tokio::test]
async fn large_values_are_kept_apart_and_come_back() {
    on_both(async |store| {
        let small = Arc::new(Json::from("small"));
        assert_eq!(store.keep(Arc::clone(&small)).await, Ok(Value::Inline(Arc::clone(&small))));
        let large = Arc::new(Json::from("x".repeat(INLINE_LIMIT)));
        let kept = store.keep(Arc::clone(&large)).await.unwrap();
        assert!(matches!(kept, Value::Blob { size, .. } if size == INLINE_LIMIT as u64 + 2));
        assert_eq!(store.fetch(kept).await, Ok(large));
        assert_eq!(store.fetch(Value::Inline(Arc::clone(&small))).await, Ok(small));
        let lost = Value::Blob { digest: Digest::of(b"lost"), size: 4 };
        assert!(matches!(store.fetch(lost).await, Err(StoreError::Unreadable(_))));
        let deep = (0..500).fold(Json::Null, |inner, _| Json::Array(vec![inner]));
        assert_eq!(store.keep(Arc::new(deep)).await, Err(StoreError::TooDeep));
    })
    .await;
}

#[tokio::test]
async fn files_are_remembered_with_the_run_or_without_one() {
    on_both(async |store| {
        store.put_bundle(bundle(), BUNDLE.to_vec()).await.unwrap();
        let odd_name = [b'i', b'n', b'/', 0xff];
        let (_, acceptance) = offer("k", None, 1_000);
        let first = Acceptance { file: Some(file(&odd_name, b"one")), ..acceptance };
        assert_eq!(store.accept(first.clone()).await, Ok(Accepted::New));
        store.mark_seen(trigger(), vec![file(b"in/b", b"b")]).await.unwrap();
        assert_eq!(store.files_seen(trigger()).await, Ok(vec![file(b"in/b", b"b"), file(&odd_name, b"one")]));
        let (_, repeat) = offer("k", None, 1_000);
        let repeat = Acceptance { file: Some(file(&odd_name, b"two")), ..repeat };
        assert!(matches!(store.accept(repeat).await, Ok(Accepted::Repeat(_))));
        assert_eq!(store.files_seen(trigger()).await.unwrap()[1], file(&odd_name, b"two"));
        let other = TriggerKey { workflow: "other".to_owned(), ..trigger() };
        assert_eq!(store.files_seen(other).await, Ok(vec![]));
    })
    .await;
}

#[tokio::test]
async fn a_trigger_is_armed_once_for_its_settings() {
    on_both(async |store| {
        let (old, new) = (Digest::of(b"in/*.txt"), Digest::of(b"in/*.md"));
        assert_eq!(store.arming(trigger(), old).await, Ok(Arming::First));
        store.arm(trigger(), old, vec![file(b"in/a", b"a")]).await.unwrap();
        assert_eq!(store.arming(trigger(), old).await, Ok(Arming::Known));
        assert_eq!(store.arming(trigger(), new).await, Ok(Arming::First));
        assert_eq!(store.files_seen(trigger()).await, Ok(vec![file(b"in/a", b"a")]));
        store.arm(trigger(), new, vec![]).await.unwrap();
        assert_eq!(store.arming(trigger(), new).await, Ok(Arming::Known));
    })
    .await;
}

fn change(owner: &StateOwner, set: Json, delete: &[&str]) -> StateChange {
    let delete = delete.iter().map(|name| (*name).to_owned()).collect();
    StateChange { owner: owner.clone(), set: set.as_object().cloned().unwrap(), delete }
}

fn changed(owner: &StateOwner, set: Json, delete: &[&str]) -> Entry {
    Entry::StateChanged { path: "a".into(), change: change(owner, set, delete), at: instant(2_000) }
}

#[tokio::test]
async fn the_state_changes_with_the_commit_that_says_so_and_not_without() {
    on_both(async |store| {
        let own = StateOwner::Workflow("w".to_owned());
        let all = StateOwner::Workspace;
        assert_eq!(store.state(own.clone()).await, Ok(StateValues::new()));
        let mut run = new_run(&*store, "w").await;
        let commit = run.commit(vec![
            changed(&own, json!({ "b": 1, "a": { "x": [null] } }), &[]),
            finished("a", 1),
            changed(&all, json!({ "b": "everybody's" }), &[]),
            changed(&own, json!({ "c": 2 }), &["b"]),
        ]);
        store.append(commit.clone()).await.unwrap();
        let kept = json!({ "a": { "x": [null] }, "c": 2 });
        assert_eq!(store.state(own.clone()).await.map(Json::Object), Ok(kept.clone()));
        assert_eq!(store.state(all.clone()).await.map(Json::Object), Ok(json!({ "b": "everybody's" })));
        // Made before, not made twice.
        store.change_state(change(&own, json!({ "c": 3 }), &[])).await.unwrap();
        assert!(store.append(commit).await.is_err());
        assert_eq!(
            store.state(own.clone()).await.map(Json::Object),
            Ok(json!({ "a": { "x": [null] }, "c": 3 }))
        );
        let loaded = store.load(run.run).await.unwrap().unwrap();
        assert_eq!(RunState::fold(run.run, &loaded).unwrap(), run);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_was_a_run_before_changes_no_state() {
    on_both(async |store| {
        let own = StateOwner::Workflow("w".to_owned());
        store.put_bundle(bundle(), BUNDLE.to_vec()).await.unwrap();
        for number in [1, 2] {
            let entries = vec![accepted("w"), changed(&own, json!({ "n": number }), &[])];
            let (_, commit) = RunState::accept(RunId::new(), entries).unwrap();
            let identity = Identity { key: "k".to_owned(), keep: None };
            let claim = Some(Claim { identity, now: instant(1_000) });
            store.accept(Acceptance { claim, ..Acceptance::of(commit) }).await.unwrap();
        }
        assert_eq!(store.state(own).await.map(Json::Object), Ok(json!({ "n": 1 })));
    })
    .await;
}

#[tokio::test]
async fn a_closed_store_says_so() {
    on_both(async |store| {
        let mut run = new_run(&*store, "w").await;
        store.close().await;
        store.close().await;
        let refused = store.append(run.commit(vec![started("a", 1)])).await;
        assert_eq!(refused, Err(StoreError::Closed.into()));
        assert_eq!(store.load(run.run).await, Err(StoreError::Closed));
    })
    .await;
}

#[tokio::test]
async fn a_store_in_memory_takes_over_as_a_durable_one_does() {
    let store = MemoryStore::new();
    let mut run = new_run(&store, "w").await;
    let waiting = new_run(&store, "w").await;
    store.append(run.commit(vec![started("a", 1)])).await.unwrap();
    store.close().await;
    store.reopen(Stop::Crash, instant(9_000)).unwrap();
    let fold = RunState::fold(run.run, &store.load(run.run).await.unwrap().unwrap()).unwrap();
    assert_eq!((fold.status, fold.recoveries), (RunStatus::Queued, 1));
    assert_eq!(store.row(run.run).await.unwrap(), Some(fold.summary()));
    assert_eq!(store.row(waiting.run).await.unwrap(), Some(waiting.summary()));
    let stale = store.append(run.commit(vec![finished("a", 1)])).await;
    assert_eq!(stale, Err(AppendError::Conflict { found: Version(3) }));
}

#[tokio::test]
async fn what_stopped_a_whole_run_is_looked_at_again_and_a_step_in_doubt_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let memory = MemoryStore::new();
    let durable: SharedStore = Arc::new(sqlite(dir.path()));
    let stores: [SharedStore; 2] = [Arc::new(memory.clone()), durable];
    let mut kept = Vec::new();
    for store in stores {
        let at = instant(8_000);
        let mut whole = new_run(&*store, "w").await;
        let entry = Entry::AttentionNeeded { path: None, reason: "it cannot be planned".to_owned(), at };
        store.append(whole.commit(vec![entry])).await.unwrap();
        let mut step = new_run(&*store, "w").await;
        let entry = Entry::AttentionNeeded { path: Some("a".into()), reason: "in doubt".to_owned(), at };
        store.append(step.commit(vec![entry])).await.unwrap();
        assert_eq!(store.unfinished().await, Ok(vec![]));
        store.close().await;
        kept.push((whole.run, step));
    }
    memory.reopen(Stop::Clean, instant(9_000)).unwrap();
    let stores: [SharedStore; 2] = [Arc::new(memory), Arc::new(sqlite(dir.path()))];
    for (store, (whole, step)) in stores.into_iter().zip(kept) {
        let fold = RunState::fold(whole, &store.load(whole).await.unwrap().unwrap()).unwrap();
        assert_eq!((fold.status, &fold.attention), (RunStatus::Queued, &None));
        assert_eq!(store.row(whole).await.unwrap(), Some(fold.summary()));
        assert_eq!(store.row(step.run).await.unwrap(), Some(step.summary()));
        assert_eq!(store.unfinished().await, Ok(vec![fold.summary()]));
    }
}

#[tokio::test]
async fn how_a_run_takes_its_turn_is_in_its_row() {
    on_both(async |store| {
        store.put_bundle(bundle(), BUNDLE.to_vec()).await.unwrap();
        let mut first = accepted("w");
        let own = Turn { key: "fr".to_owned(), limit: 2, overflow: Overflow::CancelOldest };
        if let Entry::RunAccepted { turn, .. } = &mut first {
            *turn = Some(own.clone());
        }
        let (run, commit) = RunState::accept(RunId::new(), vec![first]).unwrap();
        store.accept(Acceptance::of(commit)).await.unwrap();
        assert_eq!(store.row(run.run).await.unwrap().unwrap().turn, Some(own));
        assert_eq!(store.unfinished().await, Ok(vec![run.summary()]));
    })
    .await;
}

#[tokio::test]
async fn what_is_spent_is_summed_by_workflow_and_quarter_of_an_hour() {
    const QUARTER: i64 = 15 * 60 * 1_000;
    on_both(async |store| {
        let spent = |path: &str, at: i64| match finished(path, 1) {
            Entry::StepFinished { path, status, output, model, .. } => {
                Entry::StepFinished { path, status, output, model, at: instant(at) }
            }
            other => other,
        };
        let mut one = new_run(&*store, "one").await;
        let mut two = new_run(&*store, "two").await;
        store.append(one.commit(vec![spent("a", QUARTER - 1), spent("b", QUARTER)])).await.unwrap();
        let again = two.commit(vec![spent("a", 2 * QUARTER), failed("b", 1, AfterFailure::Retry)]);
        store.append(again.clone()).await.unwrap();
        // The same once more is refused, and spends nothing.
        assert!(store.append(again).await.is_err());
        store.append(one.commit(vec![spent("c", 2 * QUARTER + 1)])).await.unwrap();
        let since = async |at: i64| {
            let sums = store.spent_since(instant(at)).await.unwrap();
            sums.into_iter().map(|(workflow, sum)| format!("{workflow} {sum}")).collect::<Vec<_>>()
        };
        assert_eq!(since(0).await, ["one $0.06", "two $0.03"]);
        assert_eq!(since(QUARTER).await, ["one $0.04", "two $0.02"]);
        assert_eq!(since(2 * QUARTER).await, ["one $0.02", "two $0.02"]);
        assert_eq!(since(3 * QUARTER).await, Vec::<String>::new());
    })
    .await;
}

fn done(pass: &str, key: &[u8], until: Option<i64>, at: i64) -> Entry {
    let until = until.map(instant);
    Entry::ItemDone { path: pass.into(), key: Digest::of(key), until, at: instant(at) }
}

#[tokio::test]
async fn items_that_are_done_are_known_to_later_runs_until_they_are_forgotten() {
    on_both(async |store| {
        let of = |workflow: &str, path: &str| LoopKey { workflow: workflow.to_owned(), path: path.into() };
        let keys = || [b"a", b"b", b"c"].map(|key| Digest::of(key)).to_vec();
        let asked = async |of: LoopKey, now| {
            let found = store.items_done(of, keys(), instant(now)).await.unwrap();
            let mut found: Vec<_> = found.into_iter().collect();
            found.sort_unstable();
            found
        };
        let named = |items: &[(&[u8], RunId)]| {
            let mut items: Vec<_> = items.iter().map(|(key, run)| (Digest::of(key), *run)).collect();
            items.sort_unstable();
            items
        };
        let mut run = new_run(&*store, "w").await;
        let commit =
            run.commit(vec![done("each[0]", b"a", None, 1_000), done("each[7]", b"b", Some(2_000), 1_000)]);
        store.append(commit.clone()).await.unwrap();
        assert_eq!(asked(of("w", "each"), 1_999).await, named(&[(b"a", run.run), (b"b", run.run)]));
        assert_eq!(asked(of("w", "each"), 2_000).await, named(&[(b"a", run.run)]));
        assert_eq!(asked(of("w", "other"), 0).await, []);
        assert_eq!(asked(of("v", "each"), 0).await, []);
        // A commit that is not made remembers nothing.
        let rival = Commit { entries: vec![done("each[2]", b"c", None, 1_000)], ..commit };
        assert!(matches!(store.append(rival).await, Err(AppendError::Conflict { .. })));
        assert_eq!(asked(of("w", "each"), 2_000).await, named(&[(b"a", run.run)]));
        // With the acceptance too, whichever loop is around it; and the latest run has the item.
        let entries = vec![accepted("w"), done("outer[3]/each[0]", b"b", None, 3_000)];
        let (second, commit) = RunState::accept(RunId::new(), entries).unwrap();
        store.accept(Acceptance::of(commit)).await.unwrap();
        assert_eq!(asked(of("w", "outer/each"), 0).await, named(&[(b"b", second.run)]));
        let again = run.commit(vec![done("each[1]", b"b", None, 4_000)]);
        store.append(again).await.unwrap();
        assert_eq!(asked(of("w", "each"), 9_000).await, named(&[(b"a", run.run), (b"b", run.run)]));
        assert_eq!(store.items_done(of("w", "each"), vec![], instant(0)).await.unwrap().len(), 0);
    })
    .await;
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let path = prop::sample::select(vec!["a", "b", "each[3]/up", "a!on_error/tell"]);
    let reason = "\\PC{0,40}";
    let entry = (path, 1..4_u32, reason, 0..50_u8, -5_000_000..5_000_000_000_000_i64).prop_map(
        |(path, attempt, reason, which, at)| {
            let at = instant(at);
            match which {
                0..8 => Entry::StepStarted { path: path.into(), attempt, at },
                8..14 => finished(path, at.as_millisecond()),
                14..17 => failed(path, attempt, AfterFailure::Retry),
                17..20 => failed(path, attempt, AfterFailure::GiveUp),
                20..25 => Entry::RetryScheduled {
                    path: path.into(),
                    attempt,
                    due: at,
                    reason,
                    alternative: 0,
                    tries: 1,
                },
                25..27 => Entry::StepFinished {
                    path: path.into(),
                    status: StepEnd::Skipped,
                    output: inline(Json::Null),
                    model: None,
                    at,
                },
                27..29 => Entry::CancelRequested { by: reason, at },
                29..31 => Entry::AttentionNeeded { path: Some(path.into()), reason, at },
                31..33 => Entry::AttentionNeeded { path: None, reason, at },
                40 => Entry::ChildCalled { path: path.into(), run: RunId::from_bytes([7; 16]), at },
                49 => Entry::ChildEnded {
                    path: path.into(),
                    run: RunId::from_bytes([7; 16]),
                    cost: Cost::exactly(Money::from_pico(7)),
                    at,
                },
                41 => done(path, reason.as_bytes(), None, at.as_millisecond()),
                33..35 => Entry::RunRecovered { after: Stop::Crash, at },
                35..37 => Entry::RunRecovered { after: Stop::Clean, at },
                37 => ended(RunEnd::Cancelled),
                38 => Entry::RunFinished {
                    status: RunEnd::Failed,
                    output: None,
                    failure: Some(crate::value::Failure::new("fail", reason.repeat(20))),
                    step: Some(path.into()),
                    at,
                },
                39 => ended(RunEnd::Succeeded),
                42..44 => Entry::WaitBegun {
                    path: path.into(),
                    awaited: Awaited::Approval { message: reason, to: Vec::new(), fields: None },
                    due: Some(at),
                    token: None,
                    at,
                },
                44..46 => Entry::WaitSignalled { path: path.into(), by: reason, data: inline(1.into()), at },
                46 => Entry::DecisionTaken { path: path.into(), value: inline(reason.into()) },
                _ => changed(&StateOwner::Workspace, json!({ reason: attempt }), &[path]),
            }
        },
    );
    prop::collection::vec(entry, 0..24)
}

/// The same entries, cut into commits of one to three.
fn commits(state: &mut RunState, entries: &[Entry]) -> Vec<Commit> {
    let mut rest = entries;
    let mut commits = Vec::new();
    while !rest.is_empty() {
        let (now, later) = rest.split_at((1 + commits.len() % 3).min(rest.len()));
        commits.push(state.commit(now.to_vec()));
        rest = later;
    }
    commits
}

#[test]
fn rows_equal_the_fold_whatever_happens() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let stores: [SharedStore; 2] =
        [Arc::new(MemoryStore::new()), Arc::new(sqlite(&dir.path().join(".howdah")))];
    proptest!(ProptestConfig::with_cases(64), |(entries in entries())| {
        for store in &stores {
            runtime.block_on(async {
                let mut state = new_run(&**store, "w").await;
                for commit in commits(&mut state, &entries) {
                    let row = commit.row.clone();
                    store.append(commit).await.unwrap();
                    assert_eq!(store.row(state.run).await.unwrap(), Some(row));
                }
                let loaded = store.load(state.run).await.unwrap().unwrap();
                assert_eq!(&loaded[1..], &entries[..]);
                let fold = RunState::fold(state.run, &loaded).unwrap();
                assert_eq!(fold.summary(), state.summary());
                assert_eq!(fold, state);
            });
        }
    });
}
