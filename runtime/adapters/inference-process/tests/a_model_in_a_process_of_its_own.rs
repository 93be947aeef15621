//! What the port promises of models that run, crash and hang in processes of their own. The worker is this very program, with a fake
//! runtime in it that does what the name of the model says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use parapet_contracts::{
    ErrorKind,
    ports::inference::{
        DType, InferenceError, InferencePort, InferenceSession, ModelSignature, SessionOptions, TensorData, TensorSpec,
        TensorView,
    },
};
use parapet_inference_process::{ProcessInference, WorkerCommand, worker};
use parapet_testkit::wait::{PATIENCE, until};

/// By which this program knows that it is a worker.
const WORKER: &str = "PARAPET_TEST_WORKER";
/// A variable of this process, put there by Cargo, that no runtime needs.
const SECRET: &str = "CARGO_MANIFEST_DIR";

/// No test: what a worker runs.
#[test]
fn the_worker() {
    if std::env::var_os(WORKER).is_some() {
        worker::serve(|| Ok(Scripted)).unwrap();
        std::process::exit(0);
    }
}

fn inference() -> ProcessInference {
    let mut command = WorkerCommand::this_program(["--exact", "the_worker", "--nocapture"]);
    command.environment.push((WORKER.into(), "1".into()));
    ProcessInference::new(command).unwrap()
}

/// The runtime in the worker: the name of the model says what it does.
struct Scripted;

impl InferencePort for Scripted {
    fn load(&self, model: &Path, options: &SessionOptions) -> Result<Box<dyn InferenceSession>, InferenceError> {
        let name = model.to_str().unwrap().to_owned();
        match name.as_str() {
            "absent" => {
                let text = "model absent: there is none".to_owned();
                return Err(InferenceError { kind: ErrorKind::Fatal, code: "not_found", text });
            }
            "crash-at-load" => crash(),
            _ => {}
        }
        let spec = |name: &str| TensorSpec { name: name.to_owned(), dtype: DType::F32, shape: vec![None] };
        let metadata = [("threads".to_owned(), options.threads.to_string()), ("long".to_owned(), "x".repeat(1 << 20))];
        let signature = ModelSignature {
            inputs: vec![spec("in")],
            outputs: vec![spec("out")],
            metadata: metadata.into_iter().collect(),
        };
        Ok(Box::new(Script { name, signature }))
    }
}

struct Script {
    name: String,
    signature: ModelSignature,
}

impl InferenceSession for Script {
    fn signature(&self) -> &ModelSignature {
        &self.signature
    }

    fn run(
        &mut self,
        inputs: &[TensorView<'_>],
        read: &mut dyn FnMut(&[TensorView<'_>]),
    ) -> Result<(), InferenceError> {
        let TensorData::F32(values) = inputs[0].data else { panic!("floats were sent") };
        match self.name.as_str() {
            "crash" => crash(),
            "abort" => std::process::abort(),
            "hang" => loop {
                thread::park();
            },
            "reject" => {
                let text = "model reject: never".to_owned();
                return Err(InferenceError { kind: ErrorKind::Reject, code: "bad_input", text });
            }
            "descriptors" => {
                let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
                let open: Vec<f32> = open.map(|entry| entry.file_name().to_str().unwrap().parse().unwrap()).collect();
                read(&[TensorView { shape: &[open.len()], data: TensorData::F32(&open) }]);
            }
            "secrets" => {
                let found = f32::from(u8::from(std::env::var_os(SECRET).is_some()));
                read(&[TensorView { shape: &[1], data: TensorData::F32(&[found]) }]);
            }
            "process-id" => read(&[TensorView { shape: &[1], data: TensorData::F32(&[std::process::id() as f32]) }]),
            // Twice as many as came, each plus one.
            _ => {
                let answer: Vec<f32> = values.iter().chain(values).map(|value| value + 1.0).collect();
                read(&[TensorView { shape: &[2, values.len()], data: TensorData::F32(&answer) }]);
            }
        }
        Ok(())
    }
}

/// A write through a null pointer, as a bug in a library in C.
fn crash() -> ! {
    let nowhere = std::hint::black_box(std::ptr::null_mut::<u8>());
    // SAFETY: none: this is the fault that the test injects.
    #[allow(unsafe_code, reason = "a real segmentation fault is wanted")]
    unsafe {
        nowhere.write_volatile(1);
    }
    unreachable!("nothing lies at address 0")
}

fn load(model: &str) -> Box<dyn InferenceSession> {
    load_with(model, &SessionOptions::default())
}

fn load_with(model: &str, options: &SessionOptions) -> Box<dyn InferenceSession> {
    inference().load(Path::new(model), options).unwrap()
}

fn run(session: &mut dyn InferenceSession, values: &[f32]) -> Result<(Vec<usize>, Vec<f32>), InferenceError> {
    let mut seen = None;
    session.run(&[TensorView { shape: &[values.len()], data: TensorData::F32(values) }], &mut |outputs| {
        let TensorData::F32(values) = outputs[0].data else { panic!("floats are expected") };
        seen = Some((outputs[0].shape.to_vec(), values.to_vec()));
    })?;
    Ok(seen.unwrap())
}

/// True while there is such a process, be it a zombie.
fn exists(pid: u32) -> bool {
    PathBuf::from(format!("/proc/{pid}")).exists()
}

#[test]
fn tensors_of_any_size_go_there_and_back() {
    let mut session = load_with("double", &SessionOptions { threads: 3, ..SessionOptions::default() });
    assert_eq!(session.signature().outputs[0].name, "out");
    assert_eq!(session.signature().metadata["threads"], "3");
    assert_eq!(session.signature().metadata["long"].len(), 1 << 20);
    // Growing and shrinking, so that regions are made anew and used again.
    for count in [1, 3, 1_000_000, 0, 5, 2_000_000, 7] {
        let values: Vec<f32> = (0..count).map(|n| n as f32).collect();
        let (shape, answer) = run(session.as_mut(), &values).unwrap();
        assert_eq!(shape, [2, count]);
        assert!(answer.iter().zip(values.iter().chain(&values)).all(|(got, sent)| *got == sent + 1.0), "{count}");
    }
}

#[test]
fn what_the_runtime_refuses_is_an_error_of_this_call_alone() {
    let error = inference().load(Path::new("absent"), &SessionOptions::default()).err().unwrap();
    assert_eq!(
        (error.kind, error.code, error.text.as_str()),
        (ErrorKind::Fatal, "not_found", "model absent: there is none")
    );
    let mut session = load("reject");
    for _ in 0..2 {
        let error = run(session.as_mut(), &[1.0]).unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::Reject, "bad_input"));
    }
}

#[test]
fn a_crash_is_told_with_its_signal_and_takes_nobody_else_along() {
    let mut other = load("double");
    let error = inference().load(Path::new("crash-at-load"), &SessionOptions::default()).err().unwrap();
    assert_eq!((error.kind, error.code), (ErrorKind::Fatal, "crashed"));
    assert!(error.text.contains("SIGSEGV") && error.text.contains("loaded"), "{}", error.text);
    for (model, signal) in [("crash", "SIGSEGV"), ("abort", "SIGABRT")] {
        let mut session = load(model);
        let error = run(session.as_mut(), &[1.0]).unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::Fatal, "crashed"));
        assert!(error.text.contains(signal) && error.text.contains(model), "{}", error.text);
        assert_eq!(run(session.as_mut(), &[1.0]).unwrap_err(), error, "a session that is over stays so");
    }
    assert_eq!(run(other.as_mut(), &[1.0]).unwrap().1, [2.0, 2.0]);
}

#[test]
fn a_worker_that_is_killed_from_outside_is_told() {
    let mut session = load("process-id");
    let pid = run(session.as_mut(), &[]).unwrap().1[0] as u32;
    std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    let error = run(session.as_mut(), &[]).unwrap_err();
    assert!(error.kind == ErrorKind::Fatal && error.text.contains("SIGKILL"), "{}", error.text);
    assert!(!exists(pid), "its exit status was taken in");
}

#[test]
fn a_worker_that_hangs_or_is_stopped_is_killed_in_time() {
    let options = SessionOptions { hung_after: Some(Duration::from_millis(300)), ..SessionOptions::default() };
    let mut session = load_with("hang", &options);
    let asked = Instant::now();
    let error = run(session.as_mut(), &[]).unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Fatal, "hung"));
    assert!(asked.elapsed() >= Duration::from_millis(300) && error.text.contains("300ms"), "{}", error.text);

    let mut session = load_with("process-id", &options);
    let pid = run(session.as_mut(), &[]).unwrap().1[0] as u32;
    std::process::Command::new("kill").args(["-STOP", &pid.to_string()]).status().unwrap();
    assert_eq!(run(session.as_mut(), &[]).unwrap_err().code, "hung");
    assert!(!exists(pid));
}

#[test]
fn a_worker_goes_with_its_session_and_does_not_care_about_the_thread_that_loaded_it() {
    let mut session = thread::spawn(|| load("process-id")).join().unwrap();
    let pid = run(session.as_mut(), &[]).unwrap().1[0] as u32;
    drop(session);
    assert!(!exists(pid), "no process and no zombie");
}

#[test]
fn a_worker_has_no_file_and_no_secret_of_its_parent() {
    let kept = fs::File::open("/proc/self/status").unwrap();
    // As a library in C would have it: not closed on exec.
    rustix::io::fcntl_setfd(&kept, rustix::io::FdFlags::empty()).unwrap();
    let open = run(load("descriptors").as_mut(), &[]).unwrap().1;
    // Standard streams, the socket, at most two regions, and the folder that is being read.
    assert!(open.len() <= 7 && open.iter().all(|fd| *fd < 10.0), "{open:?}");
    assert!(std::env::var_os(SECRET).is_some());
    assert_eq!(run(load("secrets").as_mut(), &[]).unwrap().1, [0.0]);
}

#[test]
fn a_worker_dies_with_the_process_that_started_it_even_when_it_is_stopped() {
    // A process between this one and the worker, which is killed without a chance to tidy up.
    if std::env::var_os("PARAPET_TEST_PARENT").is_some() {
        let mut session = load("process-id");
        println!("worker {}", run(session.as_mut(), &[]).unwrap().1[0] as u32);
        loop {
            thread::park();
        }
    }
    let name = "a_worker_dies_with_the_process_that_started_it_even_when_it_is_stopped";
    let mut parent = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("PARAPET_TEST_PARENT", "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, receiver) = mpsc::channel();
    let out = parent.stdout.take().unwrap();
    thread::spawn(move || {
        for line in std::io::BufRead::lines(std::io::BufReader::new(out)).map_while(Result::ok) {
            if let Some(pid) = line.split("worker ").nth(1).and_then(|pid| pid.trim().parse::<u32>().ok()) {
                sender.send(pid).unwrap();
            }
        }
    });
    let pid = receiver.recv_timeout(PATIENCE).expect("the parent says which worker it has");
    std::process::Command::new("kill").args(["-STOP", &pid.to_string()]).status().unwrap();
    parent.kill().unwrap();
    parent.wait().unwrap();
    let gone = || fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z"));
    until("the worker is gone", PATIENCE, gone);
}
