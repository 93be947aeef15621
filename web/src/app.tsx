/** Which view stands at which address. */

import { useEffect, useState } from "preact/hooks";
import { language, t } from "./i18n";
import { go, match, usePlace } from "./router";
import { useStore } from "./store";
import { useKeys } from "./views/alerts";
import { Alerts } from "./views/alerts";
import { Cameras } from "./views/cameras";
import { CameraView } from "./views/camera";
import { Errors } from "./views/errors";
import { Models } from "./views/models";
import { Overview } from "./views/overview";
import { Performance } from "./views/performance";
import { Rules, RuleView } from "./views/rules";
import { Tree } from "./views/tree";
import { UploaderView, Uploads } from "./views/uploads";
import { Help } from "./ui/help";
import { Empty, Head } from "./ui/parts";
import { ENTRIES, Shell } from "./ui/shell";

function View({ path }: { path: string }) {
  const at = (pattern: string) => match(pattern, path);
  const named = (pattern: string) => at(pattern)?.id;
  if (at("/")) return <Overview />;
  if (at("/alerts")) return <Alerts />;
  const alert = named("/alerts/:id");
  if (alert) return <Alerts id={alert} />;
  if (at("/cameras")) return <Cameras />;
  const camera = named("/cameras/:id");
  if (camera) return <CameraView key={camera} id={camera} />;
  if (at("/rules")) return <Rules />;
  const rule = named("/rules/:id");
  if (rule) return <RuleView key={rule} id={rule} />;
  if (at("/models")) return <Models />;
  if (at("/uploads")) return <Uploads />;
  const uploader = named("/uploads/:id");
  if (uploader) return <UploaderView key={uploader} id={uploader} />;
  if (at("/errors")) return <Errors />;
  if (at("/tree")) return <Tree />;
  if (at("/performance")) return <Performance />;
  return (
    <>
      <Head title={t("missing.title")} />
      <Empty>
        {t("missing.text")} <a href="/">{t("nav.overview")}</a>
      </Empty>
    </>
  );
}

export function App() {
  const { path } = usePlace();
  const shown = useStore(language);
  const [help, setHelp] = useState(false);
  const numbers = Object.fromEntries(ENTRIES.map((entry, at) => [String(at + 1), () => go(entry.path)]));
  useKeys({ ...numbers, "?": () => setHelp(!help) });
  useEffect(() => setHelp(false), [path]);
  // Another language draws all anew.
  return (
    <div key={shown}>
      <Shell>
        <View path={path} />
      </Shell>
      {help && <Help close={() => setHelp(false)} />}
    </div>
  );
}
