//! The hostile guests, with instances from the operating system. A separate binary because a process has one allocator.

mod hostile;

const ALLOCATOR: saggar::Allocator = saggar::Allocator::OnDemand;
