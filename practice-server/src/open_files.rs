//! The limit on open files. Each realtime socket is one, and the usual soft limit of 1,024 would end a load test long
//! before the server does.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one and logs what holds now. Where the system refuses, the server runs with the
/// limit that it has.
pub(crate) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => {
            tracing::info!(before = ?current, limit = ?maximum, "open files are limited by the hard limit")
        }
        Err(error) => tracing::warn!(limit = ?current, %error, "the limit on open files could not be raised"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let hard = getrlimit(Resource::Nofile).maximum;
        raise_limit();
        assert_eq!(getrlimit(Resource::Nofile).current, hard);
    }
}
