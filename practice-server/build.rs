//! Has the crate built again when a migration is added: the macro that embeds them sees changes of files only.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
