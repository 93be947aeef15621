/** What is wrong now, worst first, out of the site's status. Pure: no texts are made here but those that the site gave. */

import type { Severity, Status, TreeNode } from "./api/types";

export type ProblemKind =
  | "configuration"
  | "camera_away"
  | "camera_picture"
  | "model_failing"
  | "model_overloaded"
  | "model_change_refused"
  | "canary_sent_back"
  | "rule_error"
  | "rule_lost"
  | "stream_away"
  | "uploader_waiting"
  | "dead_letters"
  | "actor_down";

export interface Problem {
  kind: ProblemKind;
  severity: Severity;
  /** What it is about, for people. */
  name: string;
  /** Where more is told. */
  link: string;
  /** What the site says of it. */
  text?: string;
  /** A number that belongs to it. */
  n?: number;
  since?: string | number;
  next?: string | number;
}

const RANK: Record<Severity, number> = { critical: 0, warning: 1, info: 2 };

/** A model that has looked at a frame lately fails only now and then. */
const FAILING_SHARE = 0.05;

export function problemsOf(status: Status): Problem[] {
  const found: Problem[] = [];
  for (const text of status.refused_configuration) {
    found.push({ kind: "configuration", severity: "critical", name: text.split(":")[0] ?? "", link: "/tree", text });
  }
  for (const camera of status.cameras) {
    const { state, last_error, since, picture, reconnects } = camera.status;
    const link = `/cameras/${camera.id}`;
    if (camera.enabled && (state === "waiting" || state === "stopped")) {
      found.push({ kind: "camera_away", severity: "critical", name: camera.name, link, text: last_error ?? undefined, since, n: reconnects });
    } else if (picture) {
      found.push({ kind: "camera_picture", severity: "critical", name: camera.name, link, text: picture, since });
    }
  }
  for (const model of status.models) {
    const link = "/models";
    const name = model.model;
    const looks = model.inferences + model.failures;
    if (looks > 0 && model.failures / looks > FAILING_SHARE) {
      found.push({ kind: "model_failing", severity: "critical", name, link, n: model.failures });
    }
    if (model.overload?.given_up.length) {
      found.push({ kind: "model_overloaded", severity: "warning", name, link, text: model.overload.given_up.join(", ") });
    }
    if (model.change?.state === "refused") {
      found.push({ kind: "model_change_refused", severity: "warning", name, link, text: model.change.text });
    }
    if (model.canary?.sent_back) {
      found.push({ kind: "canary_sent_back", severity: "warning", name, link, text: model.canary.sent_back.why });
    }
  }
  for (const rule of status.rules) {
    const link = `/rules/${rule.id}`;
    if (rule.status.last_error) {
      found.push({ kind: "rule_error", severity: "warning", name: rule.name, link, text: rule.status.last_error });
    }
    const lost = rule.status.dropped + total(rule.status.state.dropped);
    if (lost > 0) found.push({ kind: "rule_lost", severity: "warning", name: rule.name, link, n: lost });
  }
  for (const stream of status.streams) {
    if (stream.enabled && stream.status.away) {
      found.push({ kind: "stream_away", severity: "warning", name: stream.name, link: "/tree", text: stream.status.away });
    }
  }
  for (const uploader of status.uploaders) {
    const link = `/uploads/${uploader.id}`;
    const { state, why, since, next_try } = uploader.status;
    if (state === "waiting") {
      found.push({ kind: "uploader_waiting", severity: "warning", name: uploader.id, link, text: why, n: uploader.waiting, since, next: next_try });
    }
    if (uploader.dead_letters > 0) {
      found.push({ kind: "dead_letters", severity: "warning", name: uploader.id, link, n: uploader.dead_letters, text: uploader.status.last_error ?? undefined });
    }
  }
  for (const { path, node } of down(status.tree, [])) {
    found.push({
      kind: "actor_down",
      severity: node.state === "backoff" ? "warning" : "critical",
      name: path,
      link: "/tree",
      text: node.last_error?.text,
      since: node.since,
      next: node.next_try ?? undefined,
    });
  }
  return found.sort((a, b) => RANK[a.severity] - RANK[b.severity]);
}

export function total(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}

const DOWN = new Set(["backoff", "failed", "stuck"]);

function* down(node: TreeNode, above: string[]): Generator<{ path: string; node: TreeNode }> {
  for (const child of node.children) {
    const path = [...above, child.id];
    if (DOWN.has(child.state)) yield { path: path.join("/"), node: child };
    yield* down(child, path);
  }
}
