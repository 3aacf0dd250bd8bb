//! A power cut takes away what was not synced: what the directory says must not be among it.

use crate::SERVER;
use crate::durability::check;
use crate::harness::{Shim, folder};
use crate::process::finish;

/// Runs commands one after the other, and judges each by what it changed.
#[test]
fn what_the_directory_says_is_on_the_disk_before_it_says_so() {
    let (shim, folder) = (Shim::new(), folder());
    let folder = folder.path().canonicalize().unwrap();
    for (words, least) in [
        ("tenant create acme --domain acme.localhost", 3),
        ("tenant create globex --domain globex.localhost", 2),
        ("tenant create legacy --database legacy", 2),
        ("tenant delete legacy", 1),
        ("tenant purge legacy", 2),
        ("tenant create again --database legacy", 2),
        ("tenant delete acme", 1),
        ("tenant purge acme", 2),
    ] {
        let changes = shim.list(&mut SERVER.command(&folder, words), finish);
        let said = check(words, &changes, &folder);
        assert!(said >= least, "{words}: the directory was synced {said} times");
    }
}
