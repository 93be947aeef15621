//! From a folder to a checked configuration, or to everything that is wrong with it.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parapet_contracts::{
    CameraId, ModelId, RuleId, StreamId, TableId, UploaderId, ids::is_valid_id, ports::probe::ModelProbe,
};
use serde::de::DeserializeOwned;

use crate::{
    check::{self, Context},
    checked::SiteConfig,
    document::Document,
    formats,
    problem::{Position, Problem, Problems},
    raw::{RawCamera, RawModel, RawRule, RawSite, RawStream, RawTable, RawUploader},
    schema::FileKind,
    secrets::{self, Secrets},
    words, yaml,
};

/// A configuration without an error.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: SiteConfig,
    /// What is odd, and does not keep the site from running.
    pub warnings: Vec<Problem>,
    /// Files outside the configuration's own that were read (models, labels, secrets): a change of one of them changes the
    /// configuration.
    pub inputs: Vec<PathBuf>,
    /// References that have no value yet, as while a vault is away. What the files say that hold them is not in the configuration.
    pub waiting: Vec<Problem>,
}

/// At most so many files of one kind.
const MAX_FILES: usize = 10_000;

/// Reads the site in `dir`.
///
/// # Errors
/// Every error of every file, each with its place. Nothing of a configuration with an error is used.
pub fn load(dir: &Path, probe: &dyn ModelProbe, secrets: &Secrets) -> Result<Loaded, Problems> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let mut reader = Reader { dir: &dir, secrets, problems: Vec::new(), warnings: Vec::new(), inputs: Vec::new() };
    reader.secrets();
    let mut site_file = reader.site()?;
    reader.strangers();
    let mut models = reader.folder::<ModelId, RawModel>(FileKind::Model);
    let mut cameras = reader.folder::<CameraId, RawCamera>(FileKind::Camera);
    let mut rules = reader.folder::<RuleId, RawRule>(FileKind::Rule);
    let uploaders = reader.folder::<UploaderId, RawUploader>(FileKind::Uploader);
    let mut streams = reader.folder::<StreamId, RawStream>(FileKind::Stream);
    let mut tables = reader.folder::<TableId, RawTable>(FileKind::Table);
    let Reader { problems, warnings, mut inputs, .. } = reader;

    let site = check::site(&mut site_file, &dir, secrets, &mut inputs);
    if let Some(site) = &site {
        check::listeners(&mut site_file, site);
    }
    let media_shown = site.as_ref().map_or_else(Vec::new, |site| check::media_shown(&site_file, site.media.len()));
    let mut context = Context {
        media_shown,
        dir: &dir,
        probe,
        media: site.as_ref().map(|site| site.media.clone()),
        time_zone: site.as_ref().map_or(jiff::tz::TimeZone::UTC, |site| site.time_zone.clone()),
        cameras: cameras.iter().map(|(id, _)| (id.clone(), None)).collect(),
        models: BTreeMap::new(),
        uploaders: uploaders.iter().map(|(id, _)| id.clone()).collect(),
        maintenance: site.as_ref().map_or_else(Vec::new, |site| site.maintenance.clone()),
        schedules: site.as_ref().map_or_else(BTreeMap::new, |site| site.schedules.clone()),
        rules: rules.iter().map(|(id, _)| id.clone()).collect(),
        telling: rules
            .iter()
            .filter(|(_, document)| !check::hears_alerts(document))
            .map(|(id, _)| id.clone())
            .collect(),
        streams: BTreeMap::new(),
        tables: BTreeMap::new(),
        unreadable: Vec::new(),
        inputs,
    };
    declare(&mut context, &mut streams, &mut tables);
    let checked_models = map(&mut models, |id, document| check::model(document, id, &mut context));
    check::lighter_models(&mut models, &checked_models, &context);
    check::follows(&mut models, &checked_models, &context);
    check::shadows(&mut models, &checked_models, &context);
    check::canaries(&mut models, &checked_models, &context);
    let checked_cameras = map(&mut cameras, |id, document| check::camera(document, id, &mut context));
    let checked_rules = map(&mut rules, |id, document| check::rule(document, id, &context));
    check::circles(&mut rules, &checked_rules);
    let mut checked_uploaders: Vec<_> = uploaders
        .into_iter()
        .map(|(id, mut document)| {
            let uploader = check::uploader(&mut document, &id, &mut context);
            (id, document, uploader)
        })
        .collect();
    check::same_files(&mut checked_uploaders);

    let mut told = Told { problems, warnings, waiting: Vec::new() };
    // Without what holds for the site as a whole there is no site.
    let site_waits = site_file.waiting.clone();
    told.take(site_file);
    models.into_iter().for_each(|(_, document)| told.take(document));
    cameras.into_iter().for_each(|(_, document)| told.take(document));
    rules.into_iter().for_each(|(_, document)| told.take(document));
    streams.into_iter().for_each(|(_, document)| told.take(document));
    tables.into_iter().for_each(|(_, document)| told.take(document));
    let mut upload = BTreeMap::new();
    for (id, document, uploader) in checked_uploaders {
        told.take(document);
        upload.extend(uploader.map(|uploader| (id, Arc::new(uploader))));
    }
    let Told { mut problems, mut warnings, mut waiting } = told;
    waiting.sort();
    problems.sort();
    problems.dedup();
    warnings.sort();
    warnings.dedup();
    let mut inputs = context.inputs;
    inputs.sort();
    inputs.dedup();
    match site {
        Some(site) if problems.is_empty() => Ok(Loaded {
            config: SiteConfig {
                site: Arc::new(site),
                cameras: checked_cameras,
                models: checked_models,
                rules: checked_rules,
                uploaders: upload,
                streams: context.streams,
                tables: context.tables,
            },
            warnings,
            inputs,
            waiting,
        }),
        _ => {
            let waits = problems.is_empty() && !site_waits.is_empty();
            problems.extend(site_waits);
            if problems.is_empty() {
                problems.push(
                    Problem::new("site.yaml", Position::START, "the site was not understood")
                        .help("see `parapet schema site`"),
                );
            }
            Err(Problems { list: problems, warnings, inputs, waits })
        }
    }
}

/// What is told of all files.
struct Told {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    waiting: Vec<Problem>,
}

impl Told {
    fn take<T>(&mut self, document: Document<T>) {
        self.problems.extend(document.problems);
        self.warnings.extend(document.warnings);
        self.waiting.extend(document.waiting);
    }
}

/// Checks streams and tables, and lets statements read them.
fn declare(
    context: &mut Context<'_>,
    streams: &mut [(StreamId, Document<RawStream>)],
    tables: &mut [(TableId, Document<RawTable>)],
) {
    let checked_streams = map(streams, |id, document| check::stream(document, id, context));
    let checked_tables = map(tables, |id, document| check::table(document, id, context));
    check::same_names(tables, &checked_streams);
    // A statement over what could not be read is not judged: its own error is told.
    let broken = streams.iter().map(|(id, _)| id.as_str()).filter(|id| !checked_streams.contains_key(*id));
    let broken = broken.chain(tables.iter().map(|(id, _)| id.as_str()).filter(|id| !checked_tables.contains_key(*id)));
    context.unreadable = broken.map(str::to_owned).collect();
    (context.streams, context.tables) = (checked_streams, checked_tables);
}

/// Reads the streams and tables in the folder of a rule that stands alone; returns what is wrong with them.
pub(crate) fn declared(context: &mut Context<'_>, secrets: &Secrets) -> Vec<Problem> {
    let (problems, warnings, inputs) = Default::default();
    let mut reader = Reader { dir: context.dir, secrets, problems, warnings, inputs };
    let mut streams = reader.folder::<StreamId, RawStream>(FileKind::Stream);
    let mut tables = reader.folder::<TableId, RawTable>(FileKind::Table);
    let mut problems = reader.problems;
    declare(context, &mut streams, &mut tables);
    problems.extend(streams.into_iter().flat_map(|(_, document)| document.problems));
    problems.extend(tables.into_iter().flat_map(|(_, document)| document.problems));
    problems
}

/// The files of a configuration that exist, with their ids' folders, in order: what a watcher watches.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = site_files(dir).collect();
    for folder in FileKind::ALL.into_iter().filter_map(FileKind::folder) {
        let mut inner: Vec<PathBuf> = std::fs::read_dir(dir.join(folder))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| is_config(path))
            .collect();
        inner.sort();
        files.extend(inner);
    }
    files
}

fn site_files(dir: &Path) -> impl Iterator<Item = PathBuf> {
    ["site.yaml", "site.yml"].into_iter().map(|name| dir.join(name)).filter(|path| path.exists())
}

/// True for `*.yaml` and `*.yml` that no editor or mount has hidden. Tests of rules lie beside them and are none of the site's.
fn is_config(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with(['.', '#']));
    let test = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(".test"));
    !hidden && !test && path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml") && !path.is_dir()
}

fn map<I: Ord + Clone, R, T>(
    documents: &mut [(I, Document<R>)],
    mut check: impl FnMut(&I, &mut Document<R>) -> Option<T>,
) -> BTreeMap<I, Arc<T>> {
    documents
        .iter_mut()
        .filter_map(|(id, document)| check(id, document).map(|checked| (id.clone(), Arc::new(checked))))
        .collect()
}

struct Reader<'a> {
    dir: &'a Path,
    secrets: &'a Secrets,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    inputs: Vec<PathBuf>,
}

impl Reader<'_> {
    /// Lets the providers of secrets know what `site.yaml` says about them, before it is asked for values. What is wrong with it is told
    /// when the whole file is read.
    fn secrets(&mut self) {
        let content = site_files(self.dir).next().and_then(|path| bytes(&path).ok()).unwrap_or_default();
        let settings = secrets::settings_in(&content, self.dir);
        self.secrets.configure(&settings);
    }

    fn site(&mut self) -> Result<Document<RawSite>, Problems> {
        let fail = |message: String, help: String| {
            Problems::one(Problem::new("site.yaml", Position::START, message).help(help))
        };
        let shown = self.dir.display();
        if !self.dir.is_dir() {
            let what = if self.dir.exists() { "is no folder" } else { "does not exist" };
            return Err(fail(
                format!("the folder `{shown}` {what}"),
                format!("make a site to start from with `parapet init {shown}`"),
            ));
        }
        let found: Vec<PathBuf> = site_files(self.dir).collect();
        match found.as_slice() {
            [] => Err(fail(
                format!("the folder `{shown}` has no site.yaml"),
                format!("make a site to start from with `parapet init {shown}`"),
            )),
            [path, rest @ ..] => {
                if !rest.is_empty() {
                    let problem = Problem::new("site.yml", Position::START, "there are both site.yaml and site.yml");
                    self.problems.push(problem.help("keep one of them"));
                }
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                Ok(self.document(FileKind::Site, &name, path))
            }
        }
    }

    fn document<T: DeserializeOwned>(&mut self, kind: FileKind, file: &str, path: &Path) -> Document<T> {
        match bytes(path) {
            Ok(bytes) => Document::read(kind, file, &bytes, self.dir, self.secrets, &mut self.inputs),
            Err(error) => {
                let problem = Problem::new(file, Position::START, format!("the file can't be read: {error}"));
                Document::unreadable(file, vec![problem.help("check that it exists and may be read")])
            }
        }
    }

    /// The files of one kind by id, in the order of the ids.
    fn folder<I: std::str::FromStr, T: DeserializeOwned>(&mut self, kind: FileKind) -> Vec<(I, Document<T>)> {
        let Some(folder) = kind.folder() else { return Vec::new() };
        let path = self.dir.join(folder);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                let problem = Problem::new(folder, Position::START, format!("the folder can't be read: {error}"));
                self.problems.push(problem.help("check that it is a folder and may be read"));
                return Vec::new();
            }
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        if paths.len() > MAX_FILES {
            let problem = Problem::new(folder, Position::START, format!("the folder has {} files", paths.len()));
            self.problems.push(problem.help(format!("at most {MAX_FILES} are read")));
            return Vec::new();
        }
        let mut documents: Vec<(I, Document<T>)> = Vec::new();
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let file = format!("{folder}/{name}");
            if !is_config(&path) {
                self.ignored(kind, &path, &file);
                continue;
            }
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let Ok(id) = stem.parse::<I>() else {
                self.bad_name(kind, &file, &stem);
                continue;
            };
            if let Some(other) = seen.insert(stem, file.clone()) {
                let message = format!("`{file}` and `{other}` declare the same {}", kind.name());
                self.problems.push(
                    Problem::new(file, Position::START, message)
                        .help("the file's name is the id: rename or remove one of them"),
                );
                continue;
            }
            documents.push((id, self.document(kind, &file, &path)));
        }
        documents
    }

    fn bad_name(&mut self, kind: FileKind, file: &str, stem: &str) {
        let slug = formats::slug(stem);
        let example = if is_valid_id(&slug) { format!(", for example `{slug}.yaml`") } else { String::new() };
        let message = format!("the file's name is the {}'s id, and `{}` is none", kind.name(), words::shown(stem));
        let help =
            format!("rename the file{example}: 1 to 63 of a–z, 0–9, `-` and `_`, beginning with a letter or a digit");
        self.problems.push(Problem::new(file, Position::START, message).help(help));
    }

    /// Models lie next to their files, and editors leave theirs; what looks like a slip is told.
    fn ignored(&mut self, kind: FileKind, path: &Path, file: &str) {
        let extension = path.extension().map(|ext| ext.to_string_lossy().to_lowercase()).unwrap_or_default();
        // Rows lie beside the table that names them.
        let rows = kind == FileKind::Table && extension == "json";
        if (matches!(extension.as_str(), "json" | "toml") && !rows)
            || (matches!(extension.as_str(), "yaml" | "yml") && path.is_dir())
        {
            let problem = Problem::new(file, Position::START, "this is not read");
            self.warnings.push(problem.help(format!("a {} is a file that ends in `.yaml`", kind.name())));
        }
    }

    /// Folders whose names are nearly those that are read.
    fn strangers(&mut self) {
        let known: Vec<&str> = FileKind::ALL.into_iter().filter_map(FileKind::folder).collect();
        let mut names: Vec<String> = std::fs::read_dir(self.dir)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        for name in names.iter().filter(|name| !known.contains(&name.as_str()) && !name.starts_with('.')) {
            if let Some(meant) = words::meant(name, known.iter().copied()) {
                let problem = Problem::new(name.as_str(), Position::START, "this folder is not read");
                self.warnings.push(problem.help(format!("did you mean `{meant}`?")));
            }
        }
    }
}

/// A file's content; a little more than the limit at most, so that a huge file is refused and not read.
pub(crate) fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut bytes = Vec::new();
    // Asked first: opening a pipe would wait for its other end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    std::fs::File::open(path)?.take(yaml::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
