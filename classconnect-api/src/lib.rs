//! Wire types and webhook signing of the ClassConnect API.
