/** What the API answers, as far as the page reads it. */

export type Severity = "info" | "warning" | "critical";
export type AlertState = "raised" | "acknowledged" | "resolved";
/** Left, top, right, bottom, in pixels of the source picture. */
export type Box = [number, number, number, number];
export type Point = [number, number];

export interface Page<T> {
  items: T[];
  next?: string | null;
}

export interface Track {
  id: number;
  zones: string[];
  speed?: number;
  stationary?: boolean;
  dwell?: Record<string, number>;
}

export interface SeenObject {
  label: string;
  score: number;
  box: Box;
  track?: Track;
  attributes?: Record<string, unknown>;
}

export interface EvidenceRef {
  path: string;
  media_type: string;
  bytes: number;
  sha256: string;
}

export interface Alert {
  id: string;
  camera?: string;
  rule: string;
  model?: string;
  severity: Severity;
  title?: string;
  message: string;
  key?: string;
  ts: string;
  ts_source: "rtcp" | "pts" | "wall_clock";
  since: string;
  raised_at: string;
  frame?: number;
  width?: number;
  height?: number;
  objects: SeenObject[];
  evidence?: EvidenceRef;
  trace_id?: string;
  /** In lists alone, from here on. */
  state?: AlertState;
  severity_now?: Severity;
  acknowledged?: boolean;
  acknowledged_by?: string;
  picture?: boolean;
  clip?: boolean;
}

export interface AlertUpdate {
  id: string;
  change: "resolved" | "acknowledged" | "escalated" | "reminded" | "evidence" | string;
  severity: Severity;
  ts: string;
  recorded_at: string;
  by?: string;
  note?: string;
  evidence?: EvidenceRef;
  link?: { number: number; hash: string };
}

export interface Story {
  alert: string;
  state: AlertState;
  updates: AlertUpdate[];
}

export interface StreamFormat {
  width: number;
  height: number;
  codec: string;
  decoder: string;
  hardware: boolean;
}

export type CameraState = "disabled" | "connecting" | "live" | "waiting" | "ended" | "stopped";

export interface CameraStatus {
  state: CameraState;
  since: string;
  format: StreamFormat | null;
  frames_in: number;
  frames_wanted: number;
  attention: "all" | "keyframes";
  picture: string | null;
  dropped: [string, number][];
  decode_ms: number;
  bytes_in: number;
  packets_lost: number;
  reconnects: number;
  warnings: number;
  last_frame_age_s: number | null;
  last_capture: string | null;
  last_error: string | null;
  motion?: { share: number } | null;
}

export interface Followed {
  model: string;
  begun: number;
  ended: number;
  now: number;
  moving: number;
  zones: Record<string, { now: number; entered: number; left: number; dwell_s: number }>;
  lines: Record<string, { to_left: number; to_right: number }>;
}

export interface Camera {
  id: string;
  name: string;
  enabled: boolean;
  source: string;
  models: string[];
  zones: Record<string, Point[]>;
  lines: Record<string, [Point, Point]>;
  tracks: Followed[];
  place: { latitude?: number; longitude?: number; floor?: string } | null;
  link: string | null;
  sim: string | null;
  tags: string[];
  status: CameraStatus;
  main?: CameraStatus;
}

export interface ModelFeed {
  camera: string;
  offered: number;
  taken: number;
  late: number;
  failed: number;
  passed_on: number;
  dropped: Record<string, number>;
  stands_in_for?: string;
}

export interface Model {
  model: string;
  description: string | null;
  inferences: number;
  failures: number;
  objects: number;
  refused: Record<string, number>;
  inference_ms: number;
  wait_ms: number;
  last_frame_age_s: number | null;
  waiting: number;
  overload?: { step: number; steps: number; given_up: string[]; load: number; missed: number; changes: number };
  follows?: {
    after: string[];
    asked: number;
    answered: number;
    late: number;
    remembered: number;
    waiting: number;
    dropped: Record<string, number>;
  };
  change?: { state: "loading" | "refused"; text?: string };
  shadow?: {
    of: string;
    share: number;
    compared: number;
    skipped: number;
    matched: number;
    missed: number;
    extra: number;
    agreement: number | null;
    score_difference: number | null;
    model_ms: number;
  };
  canary?: {
    of: string;
    share: number;
    state: string;
    sent_back?: { why: string };
    cameras: string[];
    looks: number;
    failures: number;
    nonsense: number;
    look_ms: number | null;
    within_ms: number | null;
  };
  cameras: ModelFeed[];
}

export interface RuleStatus {
  events: number;
  matched: number;
  fired: number;
  resolved: number;
  held_back: number;
  silenced: number;
  late: number;
  errors: number;
  restarted: number;
  dropped: number;
  evaluation_us: number;
  last_alert?: string;
  last_error?: string;
  state: {
    rows: number;
    bytes: number;
    partitions: number;
    waiting: number;
    pending: number;
    firing: number;
    dropped: Record<string, number>;
    watermark_lag_ms: number | null;
  };
}

export interface Rule {
  id: string;
  name: string;
  enabled: boolean;
  severity: Severity;
  cameras: string[];
  status: RuleStatus;
  /** Of one rule alone, from here on. */
  sql?: string;
  file?: { path: string; text: string };
}

export interface Stream {
  id: string;
  name: string;
  enabled: boolean;
  source: string;
  columns: string[];
  status: { taken: number; refused: Record<string, number>; away?: string | null; last_error?: string | null };
}

export interface Uploader {
  id: string;
  queue: string;
  sink: string | null;
  what: string[];
  enabled: boolean;
  deleted: boolean;
  waiting: number;
  oldest_s: number | null;
  kinds: Record<string, { waiting: number; oldest_s: number | null }>;
  dead_letters: number;
  status: {
    state: "up_to_date" | "catching_up" | "waiting" | "stopped";
    why?: string;
    since?: string;
    next_try?: string;
    sent: number;
    sent_bytes: number;
    dead: number;
    expired: number;
    retries: number;
    last_sent: string | null;
    last_error: string | null;
  };
}

export interface DeadLetter {
  number: number;
  id: string;
  kind: string;
  topic: string;
  bytes: number;
  code: string;
  text: string;
  at: string;
  payload?: unknown;
}

export interface TreeNode {
  id: string;
  kind: string;
  state: "starting" | "running" | "backoff" | "failed" | "stuck" | "stopping" | "stopped";
  restarts: number;
  restarts_in_window: number;
  last_error: { kind: string; text: string; at?: number } | null;
  since: number;
  next_try: number | null;
  abandoned: number;
  children: TreeNode[];
}

export interface Status {
  site: { id: string; version: string; time_zone: string | null };
  refused_configuration: string[];
  tree: TreeNode;
  cameras: Camera[];
  models: Model[];
  rules: Rule[];
  streams: Stream[];
  uploaders: Uploader[];
  store: { disk_bytes: number; events: number; alerts: number; errors: number };
}

export interface ErrorRecord {
  id: string;
  actor: string;
  kind: string;
  text: string;
  first: string;
  last: string;
  count: number;
  trace_id?: string;
}

export interface Silence {
  id: string;
  rule?: string;
  camera?: string;
  key?: string;
  from: string;
  until: string;
  by?: string;
  note?: string;
}

export interface Step {
  step: string;
  of?: string;
  count: number;
  sum_s: number;
  p50_s: number;
  p90_s: number;
  p99_s: number;
  bounds: [number, number][];
}

export interface DetectionEvent {
  id: string;
  camera: string;
  model: string;
  ts: string;
  width: number;
  height: number;
  objects: SeenObject[];
  update?: unknown;
}

export interface CloudEvent<T> {
  id: string;
  type: string;
  time: string;
  data: T;
}
