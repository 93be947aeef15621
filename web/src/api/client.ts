/** Asks the site. Every error becomes an {@link ApiError} whose text is for people. */

const ROOT = "/api/v1/";

/** What a request came to that did not succeed. */
export class ApiError extends Error {
  constructor(
    message: string,
    /** The answer's status; 0 when there was none. */
    readonly status: number,
    /** The problem's stable word. */
    readonly code: string,
  ) {
    super(message);
  }
}

/** Values of a query; what is empty is left out. */
export type Query = Record<string, string | number | boolean | undefined | null>;

export function address(path: string, query: Query = {}): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") parts.set(name, String(value));
  }
  const text = parts.toString();
  return ROOT + path + (text ? `?${text}` : "");
}

async function ask<T>(method: string, path: string, query?: Query, body?: unknown, signal?: AbortSignal): Promise<T> {
  const request: RequestInit = { method, headers: { accept: "application/json" } };
  if (signal) request.signal = signal;
  if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers = { accept: "application/json", "content-type": "application/json" };
  }
  let answer: Response;
  try {
    answer = await fetch(address(path, query), request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("the site does not answer", 0, "unreachable");
  }
  if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T;
  let problem: { detail?: string; title?: string; code?: string } = {};
  try {
    problem = await answer.json();
  } catch {
    // Something between here and the site has answered in its place.
  }
  throw new ApiError(problem.detail || problem.title || answer.statusText, answer.status, problem.code ?? "");
}

export const get = <T>(path: string, query?: Query, signal?: AbortSignal) => ask<T>("GET", path, query, undefined, signal);
export const post = <T>(path: string, body?: unknown) => ask<T>("POST", path, undefined, body);
export const remove = <T>(path: string) => ask<T>("DELETE", path);
