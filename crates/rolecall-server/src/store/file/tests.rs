use std::os::unix::fs::{MetadataExt as _, chown, symlink};

use super::*;

/// A folder in which somebody has put links to a file of another user.
struct Planted {
    folder: tempfile::TempDir,
    database: PathBuf,
    victim: PathBuf,
}

impl Planted {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "as it was").unwrap();
        Self {
            database: folder.path().join("rolecall.db"),
            folder,
            victim,
        }
    }

    fn plant(&self, suffix: &str) {
        symlink(&self.victim, beside(&self.database, suffix)).unwrap();
    }

    fn assert_untouched(&self) {
        assert_eq!(fs::read_to_string(&self.victim).unwrap(), "as it was");
        let owner = fs::metadata(self.folder.path()).unwrap().uid();
        assert_eq!(fs::metadata(&self.victim).unwrap().uid(), owner);
    }
}

fn owner_of(path: &Path) -> (u32, u32) {
    let found = fs::symlink_metadata(path).unwrap();
    (found.uid(), found.gid())
}

#[tokio::test]
async fn y240_a_link_in_place_of_a_mark_is_refused() {
    let planted = Planted::new();
    fs::write(&planted.database, "").unwrap();
    // only root can give files away; others see that the links are refused
    let _ = chown(&planted.database, Some(4242), Some(4243));
    planted.plant(".in-use");
    planted.plant(".lock");
    assert!(mark_in_use(&planted.database).is_err());
    assert!(lock_exclusively(&planted.database).is_err());
    assert!(lock_opening(&planted.database).await.is_err());
    planted.assert_untouched();
}

#[test]
fn y240_the_owner_of_a_link_or_of_a_second_name_is_not_changed() {
    let planted = Planted::new();
    fs::write(&planted.database, "").unwrap();
    let given = chown(&planted.database, Some(4242), Some(4243)).is_ok();
    planted.plant(".restoring");
    let link = beside(&planted.database, ".restoring");
    assert!(keep_owner(&link, &planted.database).is_err());
    planted.assert_untouched();
    let second = beside(&planted.database, ".second");
    fs::hard_link(&planted.victim, &second).unwrap();
    assert_eq!(keep_owner(&second, &planted.database).is_err(), given);
    planted.assert_untouched();
}

#[test]
fn y240_what_is_written_whole_goes_to_no_planted_link() {
    let planted = Planted::new();
    planted.plant(".partial");
    write_whole(&planted.database, "new", &owner_only_new()).unwrap();
    planted.assert_untouched();
    planted.plant(".claimed");
    let claimed = beside(&planted.database, ".claimed");
    assert!(claim(&claimed).unwrap().is_some());
    assert!(fs::symlink_metadata(&claimed).unwrap().is_file());
    planted.assert_untouched();
    planted.plant(".copy");
    let copy = beside(&planted.database, ".copy");
    assert!(owner_only_new().open(&copy).is_err());
    assert!(owner_only().open(&copy).is_err());
    planted.assert_untouched();
}

#[tokio::test]
async fn y241_files_that_root_creates_belong_to_the_user_of_the_database() {
    let folder = tempfile::tempdir().unwrap();
    // only root can give files away
    if chown(folder.path(), Some(4242), Some(4243)).is_err() {
        return;
    }
    let database = folder.path().join("rolecall.db");
    let url = format!("sqlite:{}", database.display());
    drop(crate::Embedded::open(&url).await.unwrap());
    for name in [
        "rolecall.db",
        "rolecall.key",
        "rolecall.db.in-use",
        "rolecall.db.lock",
    ] {
        assert_eq!(owner_of(&folder.path().join(name)), (4242, 4243), "{name}");
    }
    // the folder may belong to somebody else than the database
    chown(folder.path(), Some(0), Some(0)).unwrap();
    for suffix in [".in-use", ".lock"] {
        fs::remove_file(beside(&database, suffix)).unwrap();
    }
    drop(mark_in_use(&database).unwrap());
    drop(lock_opening(&database).await.unwrap());
    for suffix in [".in-use", ".lock"] {
        assert_eq!(
            owner_of(&beside(&database, suffix)),
            (4242, 4243),
            "{suffix}"
        );
    }
}

#[test]
fn y241_a_file_behind_a_link_is_not_given_to_the_owner_of_the_folder() {
    let planted = Planted::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("target");
    symlink(&target, &planted.database).unwrap();
    let _ = chown(planted.folder.path(), Some(4242), Some(4243));
    prepare(&planted.database).unwrap();
    assert_eq!(owner_of(&target), owner_of(elsewhere.path()));
}
