//! Tests of whose turn it is.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn turn(key: &str, limit: u32, overflow: Overflow) -> Option<Turn> {
    Some(Turn { key: key.to_owned(), limit, overflow })
}

/// Offers a run and takes the place it is given; tells what became of it.
fn offer(dispatch: &Dispatch<()>, workflow: &str, turn: Option<&Turn>) -> (RunId, Verdict, Vec<RunId>) {
    let (run, lane) = (RunId::new(), LaneId::new(workflow, turn));
    let verdict = dispatch.admit(run, &lane, turn);
    let mut evicted = Vec::new();
    if verdict == Verdict::Place {
        let enqueued = dispatch.enqueue(run, &lane, turn, ());
        assert_eq!(enqueued.granted, [], "a seat was free all the time");
        evicted = enqueued.evicted;
    }
    (run, verdict, evicted)
}

fn ended(dispatch: &Dispatch<()>, workflow: &str, turn: Option<&Turn>, run: RunId) -> Vec<RunId> {
    let granted = dispatch.release(run, &LaneId::new(workflow, turn));
    granted.into_iter().map(|granted| granted.run).collect()
}

#[test]
fn runs_of_a_key_go_one_after_the_other_and_keys_beside_each_other() {
    let dispatch = Dispatch::new(Capacity::default());
    let (a, b) = (turn("a", 1, Overflow::Queue), turn("b", 1, Overflow::Queue));
    let (first, verdict, _) = offer(&dispatch, "w", a.as_ref());
    assert_eq!(verdict, Verdict::Seat);
    let (second, verdict, _) = offer(&dispatch, "w", a.as_ref());
    assert_eq!(verdict, Verdict::Place);
    let (third, ..) = offer(&dispatch, "w", a.as_ref());
    assert_eq!(offer(&dispatch, "w", b.as_ref()).1, Verdict::Seat);
    assert_eq!(offer(&dispatch, "other", a.as_ref()).1, Verdict::Seat);
    assert_eq!(ended(&dispatch, "w", a.as_ref(), first), [second]);
    assert_eq!(ended(&dispatch, "w", a.as_ref(), second), [third]);
    assert_eq!((dispatch.running(), dispatch.queued()), (3, 0));
}

#[test]
fn a_run_too_many_is_skipped_or_drives_out_the_oldest() {
    let dispatch = Dispatch::new(Capacity::default());
    let skip = turn("", 1, Overflow::Skip);
    offer(&dispatch, "w", skip.as_ref());
    assert_eq!(offer(&dispatch, "w", skip.as_ref()).1, Verdict::Skip);
    let cancel = turn("", 2, Overflow::CancelOldest);
    let first = offer(&dispatch, "v", cancel.as_ref()).0;
    let second = offer(&dispatch, "v", cancel.as_ref()).0;
    let (third, verdict, evicted) = offer(&dispatch, "v", cancel.as_ref());
    assert_eq!((verdict, evicted), (Verdict::Place, vec![first]));
    assert_eq!(offer(&dispatch, "v", cancel.as_ref()).2, [second]);
    // Those that go still sit there: one that has not even begun goes too.
    assert_eq!(offer(&dispatch, "v", cancel.as_ref()).2, [third]);
    assert!(dispatch.withdraw(third).unwrap().granted.is_empty());
    assert_eq!(ended(&dispatch, "v", cancel.as_ref(), first).len(), 1);
}

#[test]
fn a_long_queue_delays_nobody_else() {
    let dispatch = Dispatch::new(Capacity { running: 2, ..Capacity::default() });
    let one = turn("", 1, Overflow::Queue);
    offer(&dispatch, "long", one.as_ref());
    for _ in 0..9_999 {
        assert_eq!(offer(&dispatch, "long", one.as_ref()).1, Verdict::Place);
    }
    // Its own limit holds it back, not the engine's.
    let (other, verdict, _) = offer(&dispatch, "other", None);
    assert_eq!(verdict, Verdict::Seat);
    let waits = offer(&dispatch, "other", None).0;
    assert_eq!(ended(&dispatch, "other", None, other), [waits]);
    // Where only the engine's limit holds back, the workflows take turns.
    let dispatch = Dispatch::new(Capacity { running: 1, ..Capacity::default() });
    let mut run = offer(&dispatch, "long", None).0;
    let long: HashSet<_> = (0..100).map(|_| offer(&dispatch, "long", None).0).collect();
    offer(&dispatch, "short", None);
    offer(&dispatch, "short", None);
    let mut workflow = "long";
    let mut order = Vec::new();
    for _ in 0..5 {
        run = ended(&dispatch, workflow, None, run)[0];
        workflow = if long.contains(&run) { "long" } else { "short" };
        order.push(workflow);
    }
    assert_eq!(order, ["long", "short", "long", "short", "long"]);
}

#[test]
fn queues_are_bounded_and_a_place_that_is_given_up_is_free_again() {
    let dispatch = Dispatch::new(Capacity { running: 1, queued_of_one: 2, queued: 3 });
    for (workflow, expected) in [
        ("a", Verdict::Seat),
        ("a", Verdict::Place),
        ("a", Verdict::Place),
        ("a", Verdict::Busy),
        ("b", Verdict::Place),
        ("b", Verdict::Busy),
    ] {
        assert_eq!(offer(&dispatch, workflow, None).1, expected, "{workflow}");
    }
    assert!(dispatch.is_full("a") && dispatch.is_full("c"));
    let dispatch = Dispatch::<()>::new(Capacity { running: 1, queued_of_one: 1, queued: 1 });
    offer(&dispatch, "a", None);
    let lane = LaneId::new("a", None);
    assert_eq!(dispatch.admit(RunId::new(), &lane, None), Verdict::Place);
    assert!(dispatch.is_full("a"));
    dispatch.give_up(&lane);
    assert!(!dispatch.is_full("a"));
    assert!(Dispatch::<()>::new(Capacity::NONE).is_full("a"));
}

#[test]
fn what_was_begun_has_its_seat_after_a_restart_and_the_rest_waits_in_order() {
    let dispatch = Dispatch::new(Capacity { running: 1, queued_of_one: 0, queued: 0 });
    let one = turn("", 1, Overflow::Queue);
    let lane = LaneId::new("w", one.as_ref());
    let runs: Vec<_> = (0..4).map(|_| RunId::new()).collect();
    dispatch.adopt(runs[0], &lane);
    for run in [runs[2], runs[1], runs[3]] {
        assert!(dispatch.requeue(run, &lane, one.as_ref(), ()).granted.is_empty());
    }
    for pair in runs.windows(2) {
        assert_eq!(ended(&dispatch, "w", one.as_ref(), pair[0]), [pair[1]]);
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_and_no_limit_passed(
        steps in prop::collection::vec((0..3_usize, 0..3_usize, 0..4_u8), 1..200),
    ) {
        let dispatch = Dispatch::new(Capacity { running: 4, queued_of_one: 8, queued: 12 });
        let workflows = ["a", "b", "c"];
        let lanes = [turn("x", 1, Overflow::Queue), turn("y", 2, Overflow::Queue), None];
        let mut running: Vec<(RunId, usize, usize)> = Vec::new();
        let mut waiting: Vec<(RunId, usize, usize)> = Vec::new();
        for (workflow, lane, what) in steps {
            let granted = if what < 2 {
                let (run, verdict, _) = offer(&dispatch, workflows[workflow], lanes[lane].as_ref());
                match verdict {
                    Verdict::Seat => running.push((run, workflow, lane)),
                    Verdict::Place => waiting.push((run, workflow, lane)),
                    Verdict::Skip | Verdict::Busy => {}
                }
                Vec::new()
            } else if what == 2 && !running.is_empty() {
                let (run, workflow, lane) = running.remove(workflow % running.len());
                ended(&dispatch, workflows[workflow], lanes[lane].as_ref(), run)
            } else if what == 3 && !waiting.is_empty() {
                let (run, ..) = waiting.remove(lane % waiting.len());
                dispatch.withdraw(run).unwrap().granted.into_iter().map(|granted| granted.run).collect()
            } else {
                Vec::new()
            };
            for run in granted {
                let place = waiting.iter().position(|(other, ..)| *other == run).unwrap();
                running.push(waiting.remove(place));
            }
            prop_assert_eq!((dispatch.running(), dispatch.queued()), (running.len(), waiting.len()));
            prop_assert!(running.len() <= 4);
            for (workflow, name) in workflows.iter().enumerate() {
                let count = |lane| running.iter().filter(|(_, w, l)| (*w, *l) == (workflow, lane)).count();
                prop_assert!(count(0) <= 1 && count(1) <= 2, "{}", name);
            }
        }
        while let Some((run, workflow, lane)) = running.pop() {
            for run in ended(&dispatch, workflows[workflow], lanes[lane].as_ref(), run) {
                let place = waiting.iter().position(|(other, ..)| *other == run).unwrap();
                running.push(waiting.remove(place));
            }
        }
        prop_assert!(waiting.is_empty(), "every run had its turn");
        prop_assert!(lock(&dispatch.inner).workflows.is_empty(), "nothing is remembered of what has ended");
    }
}
