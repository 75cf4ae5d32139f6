//! Reading a pulse: whole reports, parts, and changes.

use super::*;

/// Bytes of the text of a task.
const TASK: usize = 100;

/// Returns a pulse with `count` tasks after its first beat.
fn pulse(count: usize) -> TenantPulse {
    let pulse = TenantPulse::default();
    {
        let mut state = pulse.state.lock();
        (state.beat, state.since) = (1, 1);
        (0..count).for_each(|number| change(&mut state, number));
    }
    pulse
}

/// Changes a task in the present beat.
fn change(state: &mut PulseState, number: usize) {
    let text = RawValue::from_string(format!("\"{number:0width$}\"", width = TASK - 2)).unwrap();
    state.tasks.insert(format!("t{number:05}").into(), PulsedTask { changed: state.beat, text });
}

/// What a part has: whether it is the first of a whole report, whether another part follows, and the numbers of its tasks.
type Part = (bool, bool, Vec<usize>);

fn read(pulse: &TenantPulse, position: &mut PulsePosition, every: u64) -> Option<Part> {
    let mut part = None;
    let is_sent = pulse.read(position, every, 3 * TASK, |sent| {
        let numbers = sent.tasks.iter().map(|text| text.get().trim_matches('"').parse().unwrap()).collect();
        part = Some((sent.full, sent.more, numbers));
    });
    assert_eq!(is_sent, part.is_some());
    part
}

#[test]
fn the_first_report_has_all_tasks_in_parts_and_later_ones_what_has_changed() {
    let (pulse, mut position) = (pulse(7), PulsePosition::default());
    assert_eq!(read(&pulse, &mut position, 1), Some((true, true, vec![0, 1, 2])));
    // A task that was sent changes meanwhile, as does one that was not.
    {
        let mut state = pulse.state.lock();
        state.beat = 2;
        [1, 6].into_iter().for_each(|number| change(&mut state, number));
    }
    assert_eq!(read(&pulse, &mut position, 1), Some((false, true, vec![3, 4, 5])));
    assert_eq!(read(&pulse, &mut position, 1), Some((false, false, vec![6])));
    assert_eq!(read(&pulse, &mut position, 1), Some((false, false, vec![1, 6])));
    assert_eq!(read(&pulse, &mut position, 1), None);
    pulse.state.lock().beat = 3;
    assert_eq!(read(&pulse, &mut position, 1), Some((false, false, vec![])), "a report shows that the host is alive");
}

#[test]
fn a_client_that_wants_fewer_reports_gets_all_changes() {
    let (pulse, mut position) = (pulse(2), PulsePosition::default());
    assert_eq!(read(&pulse, &mut position, 3), Some((true, false, vec![0, 1])));
    for beat in 2..4 {
        let mut state = pulse.state.lock();
        state.beat = beat;
        change(&mut state, beat as usize % 2);
        drop(state);
        assert_eq!(read(&pulse, &mut position, 3), None);
    }
    pulse.state.lock().beat = 4;
    assert_eq!(read(&pulse, &mut position, 3), Some((false, false, vec![0, 1])));
}

#[test]
fn a_report_begins_anew_when_tasks_come_or_go() {
    let (pulse, mut position) = (pulse(7), PulsePosition::default());
    assert_eq!(read(&pulse, &mut position, 1), Some((true, true, vec![0, 1, 2])));
    {
        let mut state = pulse.state.lock();
        (state.beat, state.since) = (2, 2);
        state.tasks.retain(|id, _| **id < *"t00002");
    }
    assert_eq!(read(&pulse, &mut position, 1), Some((true, false, vec![0, 1])));
    {
        let mut state = pulse.state.lock();
        (state.beat, state.since) = (3, 3);
        state.tasks.clear();
    }
    assert_eq!(read(&pulse, &mut position, 1), Some((true, false, vec![])));
}
