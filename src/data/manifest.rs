//! `datasets.toml`: what each data set is, what its bytes hash to, and where they come from.
//!
//! Parsing is strict: unknown keys, malformed hashes, unsafe names and sizes that do not add up
//! are errors that name the line and the key. Nothing here touches the disk or the network.

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::digest::{Digest, Hasher};
use super::error::Error;
use super::idx;

/// Every data set there is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    #[serde(rename = "dataset")]
    entries: Vec<Spanned<Entry>>,
}

/// One data set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The name it goes by: lower-case letters, digits and hyphens.
    pub id: Name,
    /// What it is, in a few words.
    pub title: String,
    /// Whom to cite.
    pub citation: String,
    /// Terms of use.
    pub licence: String,
    /// Where it is described.
    pub homepage: String,
    /// Number of classes; labels are 0 to `classes - 1`.
    pub classes: usize,
    /// Height and width, in pixels, where a row is an image.
    #[serde(default)]
    pub image: Option<(usize, usize)>,
    /// Values in a row, where it is no image.
    #[serde(default)]
    features: Option<usize>,
    /// Stored values are divided by this.
    #[serde(default = "one")]
    pub divisor: u8,
    /// Rows of the train half, which come first.
    pub train_rows: usize,
    /// Rows of the test half.
    pub test_rows: usize,
    /// What stands in for the hashes that the manifest lacks.
    #[serde(default)]
    pub hashes: Hashes,
    /// Its files, in the order in which they are hashed together.
    #[serde(rename = "file")]
    pub files: Vec<File>,
    /// Where they come from, in the order tried.
    #[serde(rename = "source")]
    pub(super) sources: Vec<Source>,
}

fn one() -> u8 {
    1
}

/// What decides whether the bytes of a file are the right ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hashes {
    /// The manifest has the hash of every file.
    #[default]
    Known,
    /// The hashes of some files are not known to the manifest. What such a file hashes to when it first
    /// comes is noted beside it in the cache, and compared from then on; whether it was the right one then,
    /// only its form and the metrics can tell.
    FirstUse,
}

/// One file of a data set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// What it holds.
    pub role: Role,
    /// Its name in the cache, decoded.
    pub name: Name,
    /// As the mirrors serve it, compressed with gzip.
    pub download: Download,
    /// Its decoded bytes: the ones that count.
    pub decoded: Content,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// IDX images of the train half.
    TrainImages,
    /// IDX labels of the train half.
    TrainLabels,
    /// IDX images of the test half.
    TestImages,
    /// IDX labels of the test half.
    TestLabels,
    /// Comma-separated rows: the values of an image, then its label.
    Table,
    /// HDF5 with the groups `train` and `test`, each with the arrays `data` and `target`.
    Groups,
    /// Documents of RCV1-v2 as tokens.
    Tokens,
    /// Topics of the documents of RCV1-v2.
    Topics,
}

/// A file as its publisher serves it, compressed or not.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Download {
    /// Its name at the mirrors.
    pub name: Name,
    /// Its size, if known.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Its hash, if known.
    #[serde(default)]
    pub sha256: Option<Digest>,
}

impl Download {
    /// Size and hash, as far as they are known.
    #[must_use]
    pub fn content(&self) -> Content {
        Content {
            bytes: self.bytes,
            sha256: self.sha256,
        }
    }
}

/// Size and hash of some bytes, as far as they are known.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Their number.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Their hash.
    #[serde(default)]
    pub sha256: Option<Digest>,
}

/// No file of unknown size may be larger.
const LARGEST: u64 = 2 << 30;

impl Content {
    /// The most bytes there can be.
    #[must_use]
    pub fn most(self) -> u64 {
        self.bytes.unwrap_or(LARGEST)
    }

    /// Size and hash, where both are known.
    pub(super) fn known(self) -> Option<(u64, Digest)> {
        self.bytes.zip(self.sha256)
    }
}

/// A place that files come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Source {
    /// A web server: `prefix` and the download's name make the URL.
    Http(HttpSource),
    /// A package of the npm registry.
    Npm(PackageSource),
    /// A package of Debian and its children.
    Debian(PackageSource),
    /// The program itself.
    Embedded(EmbeddedSource),
}

/// See [`Source::Http`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpSource {
    pub(super) prefix: Prefix,
}

/// See [`Source::Npm`] and [`Source::Debian`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PackageSource {
    /// The package, as its client knows it.
    pub(super) package: PackageName,
    /// The folder inside it; ends in a slash.
    pub(super) path: Folder,
}

/// See [`Source::Embedded`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EmbeddedSource {}

/// Makes a string type that is checked as it is read, so that errors carry the line.
macro_rules! checked_string {
    ($(#[$doc:meta])* $visibility:vis $name:ident, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(try_from = "String", into = "String")]
        $visibility struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            $visibility fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let check: fn(&str) -> bool = $check;
                if check(&text) {
                    Ok(Self(text))
                } else {
                    Err(format!(concat!("`{}` is not ", $rule), text))
                }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

checked_string!(
    /// A name that is safe as that of a file: letters, digits, `-`, `_` and `.`, no path.
    pub Name,
    "a plain name (letters, digits, `-`, `_`, `.`; the first a letter or digit)",
    is_name
);
checked_string!(
    /// Start of a URL, up to and with a slash.
    pub(super) Prefix,
    "the start of a URL (http:// or https://, ending in a slash)",
    |text| (text.starts_with("https://") || text.starts_with("http://")) && text.ends_with('/')
);
checked_string!(
    /// A package that a command line can carry: it can be taken for no option and no path.
    pub(super) PackageName,
    "a package (a plain name, for npm with `@version`)",
    |text| text.split('@').count() <= 2 && text.split('@').all(is_name)
);
checked_string!(
    /// A folder below another: relative, no `..`, ending in a slash.
    pub(super) Folder,
    "a folder inside a package (relative, plain names, ending in a slash)",
    |text| text.strip_suffix('/').is_some_and(|path| path.split('/').all(is_name))
);

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::Manifest`] with the line and the key.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let line_of = |byte: usize| text[..byte.min(text.len())].matches('\n').count() + 1;
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(span.start));
            let quoted = text.lines().nth(line - 1).unwrap_or_default().trim();
            Error::Manifest {
                line,
                message: format!("{} in `{quoted}`", error.message()),
            }
        })?;
        for (position, entry) in manifest.entries.iter().enumerate() {
            let wrong = |message: String| Error::Manifest {
                line: line_of(entry.span().start),
                message: format!("data set `{}`: {message}", entry.get_ref().id),
            };
            entry.get_ref().check().map_err(wrong)?;
            let earlier = &manifest.entries[..position];
            if earlier
                .iter()
                .any(|other| other.get_ref().id == entry.get_ref().id)
            {
                return Err(wrong("`id` is used twice".into()));
            }
        }
        Ok(manifest)
    }

    /// The data sets, in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(Spanned::get_ref)
    }

    /// The data set called `id`.
    ///
    /// # Errors
    /// [`Error::UnknownDataSet`], which names those there are.
    pub fn entry(&self, id: &str) -> Result<&Entry, Error> {
        self.entries()
            .find(|entry| entry.id.as_str() == id)
            .ok_or_else(|| Error::UnknownDataSet {
                id: id.to_owned(),
                known: self.entries().map(|entry| entry.id.to_string()).collect(),
            })
    }
}

impl Entry {
    /// One hash for the whole data set: the SHA-256 of its files' hashes, in hexadecimal, one a
    /// line, in manifest order (`sha256sum FILES | cut -d' ' -f1 | sha256sum`). For a file whose hash the
    /// manifest does not know, the line is `unknown` and its name: see [`Hashes::FirstUse`].
    #[must_use]
    pub fn sha256(&self) -> Digest {
        let mut hasher = Hasher::default();
        for file in &self.files {
            let line = match file.decoded.sha256 {
                Some(digest) => format!("{digest}\n"),
                None => format!("unknown {}\n", file.name),
            };
            hasher.update(line.as_bytes());
        }
        hasher.finish()
    }

    /// Train and test rows together.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.train_rows.saturating_add(self.test_rows)
    }

    /// Values in a row.
    #[must_use]
    pub fn dims(&self) -> usize {
        match (self.image, self.features) {
            (Some((height, width)), _) => height * width,
            (None, features) => features.unwrap_or(0),
        }
    }

    /// Whether its bytes are part of the program.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.sources
            .iter()
            .any(|source| matches!(source, Source::Embedded(_)))
    }

    /// The file of this role, if the data set has one.
    #[must_use]
    pub fn file(&self, role: Role) -> Option<&File> {
        self.files.iter().find(|file| file.role == role)
    }

    /// What the types alone do not guarantee.
    fn check(&self) -> Result<(), String> {
        if !(1..=256).contains(&self.classes) {
            return Err(format!("`classes` is {}, not 1 to 256", self.classes));
        }
        if self.divisor == 0 {
            return Err("`divisor` is 0".into());
        }
        let side = 1..=4096;
        if let Some((height, width)) = self.image
            && !(side.contains(&height) && side.contains(&width))
        {
            return Err("`image` has a side that is not 1 to 4096 pixels".into());
        }
        if self.image.is_some() == self.features.is_some() || self.features == Some(0) {
            return Err("either `image` or `features`, above 0, has to be given".into());
        }
        if self.train_rows == 0 || self.rows() > 1 << 24 {
            return Err("`train_rows` is 0, or there are more than 2^24 rows".into());
        }
        if self.sources.is_empty() {
            return Err("no `source`".into());
        }
        let roles: Vec<Role> = self.files.iter().map(|file| file.role).collect();
        let halves = [
            Role::TrainImages,
            Role::TrainLabels,
            Role::TestImages,
            Role::TestLabels,
        ];
        let is_corpus = roles.len() > 1
            && roles[..roles.len() - 1]
                .iter()
                .all(|role| *role == Role::Tokens)
            && roles.ends_with(&[Role::Topics]);
        if roles != halves && roles != [Role::Table] && roles != [Role::Groups] && !is_corpus {
            return Err(format!(
                "its files' `role`s are {roles:?}; they are a table, or groups, or, in this order, \
                 train images, train labels, test images, test labels, or tokens and then topics"
            ));
        }
        if roles == halves && self.image.is_none() {
            return Err("IDX files hold images: `image` is missing".into());
        }
        for (position, file) in self.files.iter().enumerate() {
            let earlier = &self.files[..position];
            if earlier.iter().any(|other| other.name == file.name) {
                return Err(format!("`name` {} is used twice", file.name));
            }
            if self.hashes == Hashes::Known
                && (file.decoded.known().is_none() || file.download.content().known().is_none())
            {
                return Err(format!(
                    "{}: `bytes` or `sha256` is missing; if nobody knows them, say \
                     `hashes = \"first-use\"`",
                    file.name
                ));
            }
            let rows = match file.role {
                Role::TrainImages | Role::TrainLabels => self.train_rows,
                Role::TestImages | Role::TestLabels => self.test_rows,
                Role::Table | Role::Groups | Role::Tokens | Role::Topics => continue,
            };
            let bytes = match (file.role, self.image) {
                (Role::TrainImages | Role::TestImages, Some(image)) => {
                    idx::image_bytes(rows, image)
                }
                _ => idx::label_bytes(rows),
            };
            if let Some(own) = file.decoded.bytes
                && own != bytes
            {
                return Err(format!(
                    "{}: `decoded.bytes` is {own}, but {rows} rows make {bytes}",
                    file.name
                ));
            }
        }
        Ok(())
    }
}

/// The manifest that is part of the program.
///
/// # Errors
/// [`Error::Manifest`], if the program was built with a broken one.
pub fn catalogue() -> Result<&'static Manifest, Error> {
    static MANIFEST: OnceLock<Manifest> = OnceLock::new();
    if let Some(manifest) = MANIFEST.get() {
        return Ok(manifest);
    }
    let manifest = Manifest::parse(include_str!("../../data/datasets.toml"))?;
    Ok(MANIFEST.get_or_init(|| manifest))
}
