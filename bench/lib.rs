//! Only benches are here.
