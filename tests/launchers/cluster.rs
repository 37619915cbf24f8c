//! A Slurm of one node on loopback, with everything it writes in a temporary folder. It needs to be root,
//! and slurm-wlm and munge (Debian's names).

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::program::text;
use super::site::Site;

/// Set where Slurm is said to be there: then to do without is a failure.
const NEEDED: &str = "REPLICATE_NEEDS_SLURM";

pub struct Cluster {
    folder: tempfile::TempDir,
    munged: Option<Child>,
    controller: Option<Child>,
    node: Option<Child>,
}

/// A cluster, or `None` and a line on standard error that says why not.
pub fn start(max_array_size: usize) -> Option<Cluster> {
    let missing = ["munged", "slurmctld", "slurmd", "sbatch"]
        .into_iter()
        .find(|name| {
            let found = Command::new("sh")
                .args(["-c", &format!("command -v {name}")])
                .output();
            !found.unwrap().status.success()
        });
    // SAFETY: it only tells the user's number.
    let is_root = unsafe { libc::geteuid() } == 0;
    let reason = match missing {
        Some(name) => format!("there is no {name} (apt-get install slurm-wlm munge)"),
        None if !is_root => "only root can start it".to_owned(),
        None => return Some(Cluster::new(max_array_size)),
    };
    assert!(std::env::var_os(NEEDED).is_none(), "no Slurm: {reason}");
    // Not by a macro, whose output tests keep to themselves.
    let line = format!("skipped: the tests on a real Slurm: {reason}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    None
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Cluster {
    fn new(max_array_size: usize) -> Self {
        let folder = tempfile::Builder::new().prefix("slurm-").tempdir().unwrap();
        let mut this = Self {
            folder,
            munged: None,
            controller: None,
            node: None,
        };
        let path = this.path().to_owned();
        Command::new("chmod")
            .args(["755", path.to_str().unwrap()])
            .status()
            .unwrap();
        for name in ["state", "spool", "log", "run"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        let key = path.join("munge.key");
        let mut random = [0; 1024];
        let mut source = fs::File::open("/dev/urandom").unwrap();
        std::io::Read::read_exact(&mut source, &mut random).unwrap();
        fs::write(&key, random).unwrap();
        Command::new("chmod")
            .args(["600", key.to_str().unwrap()])
            .status()
            .unwrap();
        fs::write(path.join("cgroup.conf"), "").unwrap();
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let host = host.trim().split('.').next().unwrap().to_owned();
        let gpu = format!("NodeName={host} Name=gpu File=/dev/null\n");
        fs::write(path.join("gres.conf"), gpu).unwrap();
        let at = path.display();
        let configuration = format!(
            "ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={}
SlurmdPort={}
AuthType=auth/munge
AuthInfo=socket={at}/run/munge.sock
SlurmUser=root
SlurmdUser=root
StateSaveLocation={at}/state
SlurmdSpoolDir={at}/spool
SlurmctldPidFile={at}/run/slurmctld.pid
SlurmdPidFile={at}/run/slurmd.pid
SlurmctldLogFile={at}/log/slurmctld.log
SlurmdLogFile={at}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1,batch_sched_delay=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MaxArraySize={max_array_size}
MaxJobCount=20000
MessageTimeout=5
ReturnToService=2
KillWait=20
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES PriorityTier=1 PreemptMode=REQUEUE MaxTime=INFINITE State=UP
PartitionName=urgent Nodes=ALL PriorityTier=9 PreemptMode=OFF MaxTime=INFINITE State=UP
PartitionName=closed Nodes=ALL PriorityTier=1 MaxTime=INFINITE State=DOWN
",
            free_port(),
            free_port()
        );
        fs::write(this.configuration(), configuration).unwrap();
        this.munged = Some(this.daemon(
            "munged",
            &[
                "--foreground",
                &format!("--key-file={at}/munge.key"),
                &format!("--socket={at}/run/munge.sock"),
                &format!("--pid-file={at}/run/munged.pid"),
                &format!("--seed-file={at}/state/munged.seed"),
            ],
        ));
        super::site::wait_until("munged listens", Duration::from_secs(20), || {
            path.join("run/munge.sock").exists()
        });
        this.start_controller();
        this.node = Some(this.daemon("slurmd", &["-D", "-N", &host]));
        let clock = Instant::now();
        while text(&this.call("sinfo", &["-h", "-p", "main", "-o", "%t"]).stdout).trim() != "idle" {
            let log = || fs::read_to_string(path.join("log/slurmctld.log")).unwrap_or_default();
            assert!(clock.elapsed() < Duration::from_secs(30), "{}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
        this
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn configuration(&self) -> PathBuf {
        self.path().join("slurm.conf")
    }

    fn daemon(&self, name: &str, arguments: &[&str]) -> Child {
        let path = self.path().join(format!("log/{name}.out"));
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        Command::new(name)
            .args(arguments)
            .env("SLURM_CONF", self.configuration())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    pub fn start_controller(&mut self) {
        self.controller = Some(self.daemon("slurmctld", &["-D"]));
    }

    /// As when its machine loses power.
    pub fn kill_controller(&mut self) {
        let mut controller = self.controller.take().unwrap();
        controller.kill().unwrap();
        controller.wait().unwrap();
    }

    /// Returns once the controller's files tell of a job what it knows now: it writes some seconds after a change.
    pub fn write_down(&self, job: &str) {
        let file = self.path().join("state/job_state");
        let written = || fs::metadata(&file).and_then(|about| about.modified()).ok();
        let before = written();
        let job = format!("JobId={job}");
        self.ask("scontrol", &["update", &job, "Comment=noted"]);
        super::site::wait_until("jobs are written down", Duration::from_mins(1), || {
            written() > before
        });
    }

    /// A command of Slurm's.
    pub fn call(&self, name: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(name);
        command
            .args(arguments)
            .env("SLURM_CONF", self.configuration());
        command.output().unwrap()
    }

    /// What it says; it must succeed.
    pub fn ask(&self, name: &str, arguments: &[&str]) -> String {
        let output = self.call(name, arguments);
        assert!(
            output.status.success(),
            "{name} {arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout).trim().to_owned()
    }

    /// As a place to submit to.
    pub fn site(&self, options: &[&str]) -> Site {
        Site {
            options: options.iter().map(|&option| option.to_owned()).collect(),
            environment: vec![("SLURM_CONF", self.configuration().display().to_string())],
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.call("scancel", &["--full", "--user=root"]);
        for daemon in [&mut self.node, &mut self.controller, &mut self.munged] {
            let Some(child) = daemon else { continue };
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let clock = Instant::now();
            while matches!(child.try_wait(), Ok(None)) && clock.elapsed() < Duration::from_secs(10)
            {
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
