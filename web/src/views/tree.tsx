/** The supervision tree as it is now: who runs below whom, who failed, and when it is tried again. */

import { useStatus } from "../api/site";
import type { TreeNode } from "../api/types";
import { t, word } from "../i18n";
import { Badge, Card, Dot, Empty, Head, Loading, Time, type Tone, Trouble } from "../ui/parts";

export function nodeTone(node: TreeNode): Tone {
  switch (node.state) {
    case "running":
      return "ok";
    case "starting":
    case "stopping":
      return "info";
    case "backoff":
      return "warning";
    case "stopped":
      return "quiet";
    default:
      return "critical";
  }
}

const LINKS: Record<string, (id: string) => string> = {
  camera: (id) => `/cameras/${id}`,
  rule: (id) => `/rules/${id}`,
  uploader: (id) => `/uploads/${id}`,
  model: () => "/models",
};

export function Tree() {
  const { value: status, error } = useStatus();
  if (!status) return error ? <Trouble error={error} /> : <Loading />;
  return (
    <>
      <Head title={t("nav.tree")} sub={t("tree.sub")} />
      {status.refused_configuration.length > 0 && (
        <Card title={t("tree.refused")}>
          <ul class="plain-list">
            {status.refused_configuration.map((text) => (
              <li key={text}><code class="wrap">{text}</code></li>
            ))}
          </ul>
        </Card>
      )}
      {status.streams.length > 0 && (
        <Card title={t("streams.title")} flush>
          <ul class="rows">
            {status.streams.map((stream) => (
              <li key={stream.id} class="row">
                <div class="grow">
                  <strong>{stream.name}</strong> <span class="muted">{stream.source} · {stream.columns.join(", ")}</span>
                  {(stream.status.away || stream.status.last_error) && <p class="said-by-site">{stream.status.away ?? stream.status.last_error}</p>}
                </div>
                <span>{t("streams.taken", { n: stream.status.taken })}</span>
              </li>
            ))}
          </ul>
        </Card>
      )}
      <Card>
        <ul class="tree">
          <Node node={status.tree} />
        </ul>
        {status.tree.children.length === 0 && <Empty>{t("tree.none")}</Empty>}
      </Card>
    </>
  );
}

function Node({ node }: { node: TreeNode }) {
  const tone = nodeTone(node);
  const link = LINKS[node.kind]?.(node.id);
  const restarted = node.restarts > 0;
  return (
    <li>
      <div class="node">
        <Dot tone={tone} />
        {link ? <a href={link}>{node.id}</a> : <strong>{node.id}</strong>}
        {tone === "ok" ? <span class="muted small">{word("actor.state", node.state)}</span> : <Badge tone={tone}>{word("actor.state", node.state)}</Badge>}
        {restarted && <Badge tone="warning">{t("restarts", { n: node.restarts })}</Badge>}
        {node.abandoned > 0 && <Badge tone="critical">{t("tree.abandoned", { n: node.abandoned })}</Badge>}
        <span class="muted small">{t("since")} <Time at={node.since} /></span>
        {node.next_try !== null && <span class="muted small">{t("next_try")} <Time at={node.next_try} /></span>}
      </div>
      {node.last_error && <p class="said-by-site node-error">{node.last_error.text}</p>}
      {node.children.length > 0 && (
        <ul>
          {node.children.map((child) => (
            <Node key={child.id} node={child} />
          ))}
        </ul>
      )}
    </li>
  );
}
