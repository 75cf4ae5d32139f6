//! Reloads of a running host, with the real binary: each way to request one, what they keep, and `saggar dev`.

mod reload {
    mod all_or_nothing;
    mod dev;
    mod kept;
    mod load;
    mod stage;
    mod ways;
}
