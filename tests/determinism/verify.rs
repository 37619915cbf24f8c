//! `replicate verify` on a store that is sound and one that is not.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::program::{json, run};
use super::{answer, small_store};

#[test]
fn verify_names_what_is_damaged() {
    let (store, desom, kmeans) = small_store();
    let verify = || answer(store.path(), &["verify"]);
    let (code, said, complaint) = verify();
    assert_eq!((code, complaint.as_str()), (0, ""), "{said}");
    assert!(
        said.starts_with("3 runs in ") && said.contains("3 sound"),
        "{said}"
    );

    fs::write(desom.join("notes.txt"), "mine").unwrap();
    fs::write(desom.join("record.json.77.tmp"), "{").unwrap();
    let (code, said, _) = verify();
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("strange") && said.contains("notes.txt"),
        "{said}"
    );
    assert!(
        said.contains("left over") && said.contains("record.json.77.tmp"),
        "{said}"
    );

    let weights = desom.join("weights.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    let torn = fs::read(kmeans.join("record.json")).unwrap();
    fs::write(kmeans.join("record.json"), &torn[..100]).unwrap();
    let (code, said, complaint) = verify();
    assert_eq!(code, 20, "{said}");
    assert!(complaint.contains("2 of 3 runs damaged"), "{complaint}");
    let damaged: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("damaged"))
        .collect();
    assert_eq!(damaged.len(), 2, "{said}");
    let folder = store.path().to_str().unwrap();
    let output = run(Path::new("elsewhere"), &["verify", folder, "--json"]);
    assert_eq!(output.status.code(), Some(20));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["audit"]["sound"], &told["audit"]["damaged"]),
        (&json!(1), &json!(2))
    );

    let (code, _, complaint) = answer(store.path(), &["verify", "no-such-folder"]);
    assert!(
        code == 2 && complaint.contains("neither a store's folder"),
        "{complaint}"
    );
    let empty = tempfile::tempdir().unwrap();
    // Any other folder is no store; what is to be exported has to be there.
    let folder = empty.path().to_str().unwrap();
    for arguments in [["verify", folder], ["export", "elsewhere"]] {
        let (code, _, complaint) = answer(empty.path(), &arguments);
        assert!(
            code == 20 && complaint.contains("there are no stored runs"),
            "{arguments:?}: {complaint}"
        );
    }
    assert_eq!(
        json(empty.path(), &["verify", "--json"])["audit"]["findings"],
        json!([])
    );
}
