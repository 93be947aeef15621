"""Reads the JSON lines of `parapet demo` and says what is wrong with them, if anything."""

import json
import sys

lines = [json.loads(line) for line in sys.stdin]
alerts = [line for line in lines if line["type"] == "alert"]
summary = lines[-1] if lines else {}
wrong = []
if not alerts:
    wrong.append("no alert")
if summary.get("type") != "summary":
    wrong.append("no summary at the end")
elif summary["alerts"] != len(alerts):
    wrong.append(f"the summary counts {summary['alerts']} alerts, {len(alerts)} were printed")
elif summary["errors"] != 0 or not summary["stopped_in_order"]:
    wrong.append("errors, or no stop in order")
if wrong:
    sys.exit(f"{'; '.join(wrong)}: {json.dumps(summary)}")
print(f"{len(alerts)} alerts, the first after {summary['seconds_to_first_alert']:.1f} s; {summary['frames']} frames, no errors")
