//! The peer of the engine: a process with ONNX Runtime and a loop, asked for one turn at a time.

use std::{
    io::{BufRead, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{Turn, support::cpu_of_thread};

/// By which this program knows that it is the peer; the model, the tensor and the seconds of a turn follow.
pub const PEER: &str = "--bare-onnx-runtime";

/// The peer's process.
pub struct Peer {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts it with a model and a file of its input's values.
    pub fn start(model: &Path, tensor: &Path, turn: Duration) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(PEER).arg(model).arg(tensor).arg(turn.as_secs_f64().to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (ask, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, ask, answers }
    }

    /// Runs it for a turn.
    pub fn turn(&mut self) -> Turn {
        writeln!(self.ask, "go").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let numbers: Vec<f64> = line.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let [looks, cpu] = numbers[..] else { panic!("the peer said {line:?}") };
        Turn { looks, cpu: Duration::from_secs_f64(cpu) }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        parapet_testkit::command::end(&mut self.child);
    }
}

/// What the peer does: `ort` and a loop, until nobody asks any more.
pub fn serve(arguments: &[String]) {
    let [model, tensor, seconds] = arguments else { panic!("a model, a tensor and seconds") };
    let turn = Duration::from_secs_f64(seconds.parse().unwrap());
    let library = PathBuf::from(std::env::var_os("ORT_DYLIB_PATH").expect("run script/bench inference"));
    let environment = ort::init_from(library).unwrap().with_telemetry(false).build().unwrap();
    let mut session = ort::session::Session::builder(&environment)
        .unwrap()
        .with_optimization_level(ort::session::builder::GraphOptimizationLevel::All)
        .unwrap()
        .with_intra_threads(1)
        .unwrap()
        .with_inter_threads(1)
        .unwrap()
        .with_intra_op_spinning(false)
        .unwrap()
        .commit_from_file(model)
        .unwrap();
    let bytes = std::fs::read(tensor).unwrap();
    let values: Vec<f32> = bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    let side = (values.len() / 3).isqrt();
    for line in std::io::stdin().lines() {
        line.unwrap();
        let (began, cpu) = (Instant::now(), cpu_of_thread());
        let mut looks = 0;
        while began.elapsed() < turn {
            let input = ort::value::TensorRef::from_array_view(([1, 3, side, side], &*values)).unwrap();
            let outputs = session.run(ort::inputs![input]).unwrap();
            std::hint::black_box(outputs[0].try_extract_tensor::<f32>().unwrap().1[0]);
            looks += 1;
        }
        println!("{looks} {}", (cpu_of_thread() - cpu).as_secs_f64());
    }
}
