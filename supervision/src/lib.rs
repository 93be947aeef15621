//! Supervision trees with the semantics of Erlang/OTP, on ractor.
