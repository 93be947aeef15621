//! `parapet model shadow`, `promote` and `drop`: how a shadow compares with its model, and what becomes of it.
//!
//! Promoting and dropping change files of the site's folder, each at once; a running site takes the change in as any other, so that a shadow
//! takes its model's place without a frame that nobody looks at.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use parapet_config::{Secrets, SiteConfig, load};
use serde_json::Value;

use super::{client::SiteAddress, say, tell};
use crate::probe::OnnxProbe;

/// How shadows compare with their models.
#[derive(Debug, Args)]
pub(crate) struct ShadowArgs {
    #[command(flatten)]
    site: SiteAddress,
    /// Only this shadow.
    #[arg(value_name = "ID")]
    id: Option<String>,
}

/// Which shadow.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// The shadow.
    #[arg(value_name = "ID")]
    id: String,
    /// The site's folder.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
}

/// Tells how the shadows of the running site compare.
///
/// # Errors
/// When the site can't be asked, or there is no such shadow.
pub(crate) fn report(args: &ShadowArgs) -> anyhow::Result<ExitCode> {
    let models: Value = args.site.client()?.get("models", &[])?;
    let models = models["items"].as_array().or(models.as_array()).cloned().unwrap_or_default();
    let wanted =
        |model: &&Value| model["shadow"].is_object() && args.id.as_deref().is_none_or(|id| model["model"] == id);
    let shadows: Vec<&Value> = models.iter().filter(wanted).collect();
    if shadows.is_empty() {
        let which = args.id.as_deref().map_or_else(|| "no shadow".to_owned(), |id| format!("no shadow `{id}`"));
        bail!("the site has {which}: a model becomes one by `shadow: {{of: MODEL, share: 0.1}}` in its file");
    }
    for model in shadows {
        if !say(&text(model)) {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text(model: &Value) -> String {
    let s = &model["shadow"];
    let (id, of) = (model["model"].as_str().unwrap_or_default(), s["of"].as_str().unwrap_or_default());
    let percent = |value: &Value| value.as_f64().map_or_else(|| "–".to_owned(), |v| format!("{:.1} %", v * 100.0));
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let scores = s["score_difference"].as_f64().map_or_else(|| "–".to_owned(), |v| format!("{v:+.3}"));
    format!(
        "{id}, a shadow of {of}, on {} of its frames\n  frames     {} compared, {} skipped\n  things     {} seen by both, {} by {of} alone, {} by {id} alone: agreement {}\n  scores     {scores} on average\n  a look     {:.1} ms of {of}, {:.1} ms of {id}",
        percent(&s["share"]),
        s["compared"],
        s["skipped"],
        s["matched"],
        s["missed"],
        s["extra"],
        percent(&s["agreement"]),
        number(&s["model_ms"]),
        number(&s["shadow_ms"]),
    )
}

/// Makes a shadow the model that it is a shadow of: its file takes the other's place.
///
/// # Errors
/// When there is no such shadow, or the files can't be written.
pub(crate) fn promote(args: &ChangeArgs) -> anyhow::Result<ExitCode> {
    let (file, of) = shadow(args)?;
    let target = args.config.join(format!("models/{of}.yaml"));
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let promoted = without_shadow(&text).ok_or_else(|| {
        anyhow!("{}: `shadow` does not begin a line of its own: remove it by hand, and rename the file", file.display())
    })?;
    replace(&target, &promoted)?;
    fs::remove_file(&file).with_context(|| file.display().to_string())?;
    tell(&format!(
        "{} says now what {} said; a running site takes it in when it is found good",
        target.display(),
        file.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Removes a shadow's file.
///
/// # Errors
/// When there is no such shadow, or its file can't be removed.
pub(crate) fn drop_it(args: &ChangeArgs) -> anyhow::Result<ExitCode> {
    let (file, of) = shadow(args)?;
    fs::remove_file(&file).with_context(|| file.display().to_string())?;
    tell(&format!("{} is gone; {of} is what it was", file.display()));
    Ok(ExitCode::SUCCESS)
}

/// The file of a shadow, and the model that it is a shadow of.
fn shadow(args: &ChangeArgs) -> anyhow::Result<(PathBuf, String)> {
    let loaded = load(&args.config, &OnnxProbe, &Secrets::standard()).map_err(|problems| anyhow!("{problems}"))?;
    let config: &SiteConfig = &loaded.config;
    let model = config.models.values().find(|model| model.id.as_str() == args.id);
    let of = model.and_then(|model| model.shadow.as_ref()).map(|shadow| shadow.of.to_string());
    let Some(of) = of else {
        let shadows: Vec<_> =
            config.models.values().filter(|model| model.shadow.is_some()).map(|m| m.id.as_str()).collect();
        let known =
            if shadows.is_empty() { "there is none".to_owned() } else { format!("there are {}", shadows.join(", ")) };
        bail!("{} has no shadow `{}`: {known}", args.config.display(), args.id);
    };
    Ok((args.config.join(format!("models/{}.yaml", args.id)), of))
}

/// A file's text without its key `shadow` and what belongs to it; `None` when the key does not begin a line.
fn without_shadow(text: &str) -> Option<String> {
    let mut kept = String::new();
    let (mut found, mut inside) = (false, false);
    for line in text.split_inclusive('\n') {
        if line.starts_with("shadow:") {
            (found, inside) = (true, true);
            continue;
        }
        // What is deeper, or empty, belongs to the key before.
        inside = inside && (line.starts_with([' ', '\t']) || line.trim().is_empty());
        if !inside {
            kept.push_str(line);
        }
    }
    found.then_some(kept)
}

/// Writes a file so that whoever reads it sees the old text or the new one, whole, also after a power cut.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".promoted-").tempfile_in(folder)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    if let Ok(old) = fs::metadata(path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path).with_context(|| path.display().to_string())?;
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_with_all_that_belongs_to_it_and_nothing_else() {
        let kept = Some("file: a.onnx\nslots: 2\n".to_owned());
        for text in [
            "file: a.onnx\nshadow: {of: people, share: 0.1}\nslots: 2\n",
            "file: a.onnx\nshadow:\n  of: people\n\n  share: 0.1\nslots: 2\n",
            "shadow: {of: people,\n  share: 0.1}\nfile: a.onnx\nslots: 2\n",
        ] {
            assert_eq!(without_shadow(text), kept, "{text}");
        }
        assert_eq!(without_shadow("{file: a.onnx, shadow: {of: people}}"), None);
        assert_eq!(without_shadow("# shadow: not this\nfile: a.onnx\n"), None);
    }
}
