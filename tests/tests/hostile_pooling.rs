//! The hostile guests, with instances from the pool. A separate binary because a process has one allocator.

mod hostile;

const ALLOCATOR: saggar::Allocator = saggar::Allocator::Pooling;
