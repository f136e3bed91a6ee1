//! Has the crate built again when a migration is added: the macro that embeds them sees changes of files only.

fn main() {
    #[expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
    {
        println!("cargo:rerun-if-changed=migrations");
    }
}
