//! What tests need: fakes of the ports, a simulated clock, fault injection.
