// Inside the peer's module path, so that its planner can be called; fetched and built outside this project (script/bench rules).
module github.com/lf-edge/ekuiper/v2/parapetpeer

go 1.26

require (
	github.com/lf-edge/ekuiper/contract/v2 v2.3.1
	github.com/lf-edge/ekuiper/v2 v2.4.0
)
