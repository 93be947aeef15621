/** Values that change, and hooks that draw anew when they do. */

import { useEffect, useState } from "preact/hooks";

export class Store<T> {
  private listeners = new Set<() => void>();

  constructor(private value: T) {}

  get(): T {
    return this.value;
  }

  set(value: T): void {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const listener of [...this.listeners]) listener();
  }

  /** Calls `listener` after each change, until what is returned is called. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

export function useStore<T>(store: Store<T>): T {
  const [value, setValue] = useState(store.get());
  useEffect(() => {
    const look = () => setValue(() => store.get());
    look();
    return store.subscribe(look);
  }, [store]);
  return value;
}

/** A value that is kept in this browser. Where nothing can be kept, it lasts as long as the page. */
export class KeptStore extends Store<string> {
  constructor(
    private readonly key: string,
    otherwise: string,
  ) {
    super(read(key) ?? otherwise);
  }

  override set(value: string): void {
    try {
      localStorage.setItem(this.key, value);
    } catch {
      // A private window; the choice lasts until it is closed.
    }
    super.set(value);
  }
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
