//! Uses up its own memory or the host's, in the way that the first argument names.

wit_bindgen::generate!({ path: ["../../wit", "wit"], world: "saggar-tests:guests/processing", generate_all });

use core::arch::wasm32::memory_grow;
use std::hint::black_box;

use exports::saggar::task::processor::{Failure, Guest};
use saggar::task::{log, progress};
use saggar_test_guests::{act_by_name, first_argument};

const PAGE: usize = 65_536;
const MIB: usize = 1 << 20;

type Answer = Result<String, Failure>;

saggar_test_guests::foreach_behaviour_of_memory!(act_by_name);

struct Memory;

impl Guest for Memory {
    fn process(_id: u64, args: String) -> Answer {
        act(first_argument(&args), &args)
    }
}

export!(Memory);

/// Returns a text of zeros in untouched pages. They do not use memory in the guest, so a test measures the host's
/// growth.
fn untouched_text(bytes: usize) -> String {
    let first_page = memory_grow::<0>(bytes / PAGE);
    assert_ne!(first_page, usize::MAX, "the task's memory is too small for this attack");
    // SAFETY: the pages are new and unshared; zeros are valid UTF-8. The allocator does not own the text and never
    // frees it, because the host refuses the text and the instance ends.
    unsafe { String::from_raw_parts((first_page * PAGE) as *mut u8, bytes, bytes) }
}

fn leak_forever() -> Answer {
    loop {
        black_box(vec![1_u8; MIB].leak());
    }
}

/// Grows until it is refused; returns how many MiB it got.
fn grow_until_refused() -> Answer {
    let got = (0_u64..).take_while(|_| memory_grow::<0>(MIB / PAGE) != usize::MAX).count();
    Ok(got.to_string())
}

fn allocate_a_gigabyte() -> Answer {
    Ok(black_box(vec![0_u8; 1 << 30]).len().to_string())
}

fn answer_128_mib() -> Answer {
    Ok(untouched_text(128 * MIB))
}

/// Returns valid JSON that exceeds the host's limit of 4 MiB.
fn answer_5_mib() -> Answer {
    Ok(format!("\"{}\"", "a".repeat(5 * MIB)))
}

fn report_128_mib() -> Answer {
    progress::report(1, 1, std::mem::ManuallyDrop::new(untouched_text(128 * MIB)).as_str());
    Ok("null".into())
}

fn log_128_mib() -> Answer {
    log::write(log::Level::Info, std::mem::ManuallyDrop::new(untouched_text(128 * MIB)).as_str());
    Ok("null".into())
}

/// Returns new pages as the host provides them; they must not contain data of another instance.
fn new_pages(bytes: usize) -> &'static mut [u8] {
    let first_page = memory_grow::<0>(bytes / PAGE);
    assert_ne!(first_page, usize::MAX, "the task's memory is too small for this attack");
    // SAFETY: the pages are new, so no other references to them exist, and they live as long as the instance.
    unsafe { std::slice::from_raw_parts_mut((first_page * PAGE) as *mut u8, bytes) }
}

fn fill_memory() -> Answer {
    new_pages(8 * MIB).fill(0xAA);
    Ok("null".into())
}

/// Returns how many bytes of its new pages are not zero.
fn search_memory() -> Answer {
    Ok(new_pages(8 * MIB).iter().filter(|byte| **byte != 0).count().to_string())
}
