import { render } from "preact";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/views.css";
import { startLive } from "./api/live";
import { startStatus } from "./api/site";
import { App } from "./app";
import { startLanguage } from "./i18n";
import { startRouter } from "./router";
import { startTheme } from "./ui/shell";

startTheme();
startRouter();
startStatus();
startLive();
const place = document.getElementById("app");
// The words first, so that nothing is drawn in one language and then in another.
void startLanguage().then(() => place && render(<App />, place));
