/** One alert in a list: its picture, what it says, when and where. */

import { address } from "../api/client";
import type { Alert } from "../api/types";
import { t, word } from "../i18n";
import { Icon } from "../ui/icons";
import { Badge, SeverityBadge, Time } from "../ui/parts";

export function AlertLine({ alert, href, current }: { alert: Alert; href?: string; current?: boolean }) {
  const severity = alert.severity_now ?? alert.severity;
  const isOver = alert.state === "resolved";
  const isTaken = alert.acknowledged ?? alert.state === "acknowledged";
  return (
    <li>
      <a class={isTaken || isOver ? "alert-line done" : "alert-line"} href={href ?? `/alerts/${alert.id}`} aria-current={current ? "true" : undefined} data-stay={href ? "" : undefined}>
        <span class={`bar ${severity}`} aria-hidden="true" />
        {alert.evidence && alert.picture !== false ? (
          <img class="thumb" src={address(`alerts/${alert.id}/image`, { width: 240 })} alt="" loading="lazy" decoding="async" />
        ) : (
          <span class="thumb none" aria-hidden="true">
            <Icon name="alerts" />
          </span>
        )}
        <div class="alert-text">
          <p class="alert-title">{alert.title ?? alert.message}</p>
          <p class="muted small">
            {alert.title && <>{alert.message} · </>}
            {alert.camera ?? alert.rule}
          </p>
          <p class="marks">
            <SeverityBadge severity={severity} />
            {alert.state && alert.state !== "raised" && <Badge tone="quiet">{word("state", alert.state)}</Badge>}
            {alert.clip && (
              <span class="mark" title={t("alert.clip")}>
                <Icon name="clip" size={15} />
                <span class="sr">{t("alert.clip")}</span>
              </span>
            )}
          </p>
        </div>
        <span class="alert-time">
          <Time at={alert.ts} />
        </span>
      </a>
    </li>
  );
}
