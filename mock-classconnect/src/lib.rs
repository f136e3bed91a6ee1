//! A mock of the ClassConnect API.
