//! J6: a thousand files dropped at once, each to become another file.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::place::Place;
use crate::process::{Daemon, LOOK};
use crate::{Outcome, runtime, show};

const FILES: usize = 1_000;

/// The threads of the control: as many as keep the disk busy.
const THREADS: usize = 32;

const WORKFLOW: &str = "\
on: { file: { paths: [\"inbox/*.txt\"], settle: 0s } }
steps:
  - write: { path: \"out/{{event.stem}}.md\", content: \"# {{event.name}}\\n\\n{{event.text}}\" }
";

/// Measures and prints.
pub fn run() -> Outcome {
    runtime()?.block_on(async {
        let place = Place::of(WORKFLOW)?;
        for folder in ["inbox", "out", "control"] {
            fs::create_dir(place.path().join(folder))?;
        }
        let mut daemon = Daemon::serve(place.path()).await?;
        let begun = Instant::now();
        for number in 0..FILES {
            place.write(&format!("inbox/{number}.txt"), "nobody can open the portal\n")?;
        }
        let dropped = begun.elapsed();
        let out = place.path().join("out");
        // A file that is not yet in its place has another name.
        while fs::read_dir(&out)?.flatten().filter(is_output).count() < FILES {
            tokio::time::sleep(LOOK).await;
        }
        let written = begun.elapsed();
        daemon.idle().await?;
        let howdah = [
            "howdah".to_owned(),
            show::millis(written.saturating_sub(dropped)),
            show::millis(written),
            show::millis(begun.elapsed()),
            show::megabytes(daemon.memory()?.peak),
        ];
        daemon.stop()?;
        let time = control(&place.path().join("inbox"), &place.path().join("control"))?;
        let none = || "-".to_owned();
        let control = [
            format!("control: the same files, {THREADS} threads"),
            show::millis(time),
            none(),
            none(),
            none(),
        ];
        let title = "J6: 1,000 files dropped at once (goal: all outputs 1 s after the last file)";
        let header = ["", "after the last", "after the first", "all recorded", "peak memory"];
        show::table(title, header, &[howdah, control]);
        Ok(())
    })
}

fn is_output(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().ends_with(".md")
}

/// Reads each file and writes its output as durably as howdah does, and nothing else.
fn control(from: &Path, to: &Path) -> Outcome<Duration> {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let folder = File::open(to)?;
                    for number in (thread..FILES).step_by(THREADS) {
                        let text = fs::read(from.join(format!("{number}.txt")))?;
                        let temporary = to.join(format!("{number}.tmp"));
                        let mut file = File::create(&temporary)?;
                        file.write_all(&text)?;
                        file.sync_all()?;
                        fs::rename(&temporary, to.join(format!("{number}.md")))?;
                        folder.sync_all()?;
                    }
                    Outcome::Ok(())
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| "a writer of the control failed")?)
    })?;
    Ok(begun.elapsed())
}
