//! A PostgreSQL cluster from the installed binaries, for one run: started, used, and removed, also after a crash.
