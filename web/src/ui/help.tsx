/** The keys that do something. */

import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { Icon } from "./icons";
import { ENTRIES } from "./shell";

export function Help({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" aria-label={t("help.title")} onClose={close}>
      <div class="card-head">
        <h2>{t("help.title")}</h2>
        <button type="button" class="button plain icon-only" aria-label={t("close")} onClick={close}>
          <Icon name="close" size={18} />
        </button>
      </div>
      <dl>
        {ENTRIES.map((entry, at) => (
          <div key={entry.path}>
            <dt><kbd>{at + 1}</kbd></dt>
            <dd>{t(entry.text)}</dd>
          </div>
        ))}
        <div><dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>{t("help.next")}</dd></div>
        <div><dt><kbd>a</kbd></dt><dd>{t("help.acknowledge")}</dd></div>
        <div><dt><kbd>/</kbd></dt><dd>{t("help.search")}</dd></div>
        <div><dt><kbd>Esc</kbd></dt><dd>{t("help.close")}</dd></div>
        <div><dt><kbd>?</kbd></dt><dd>{t("help.help")}</dd></div>
      </dl>
    </dialog>
  );
}
