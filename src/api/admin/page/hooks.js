// Small pieces of state that views share.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { get } from './api.js';

/// An answer of the API, read anew every `every` ms while the page is seen: {data, error, reload}.
export function useGet(path, every = 0) {
  const [state, set] = useState({ data: null, error: null, path: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const controller = new AbortController();
    let timer = 0;
    const read = async () => {
      if (document.visibilityState === 'visible' || every === 0) {
        try {
          const data = await get(path, controller.signal);
          set({ data, error: null, path });
        } catch (error) {
          if (!controller.signal.aborted) set((before) => ({ data: before.path === path ? before.data : null, error, path }));
        }
      }
      if (every > 0 && !controller.signal.aborted) timer = setTimeout(read, every);
    };
    if (path) read();
    return () => { controller.abort(); clearTimeout(timer); };
  }, [path, every, turn]);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  const current = state.path === path;
  return { data: current ? state.data : null, error: current ? state.error : null, reload };
}

/// A value kept in this browser.
export function useKept(name, initial) {
  const [value, set] = useState(() => { try { return localStorage.getItem(name) || initial; } catch { return initial; } });
  const keep = (next) => { set(next); try { localStorage.setItem(name, next); } catch { /* private mode */ } };
  return [value, keep];
}

/// A stream that lives as long as the view: `run(signal)` begins it.
export function useStreamOf(run, inputs) {
  const [error, setError] = useState(null);
  useEffect(() => {
    const controller = new AbortController();
    setError(null);
    run(controller.signal).catch((e) => { if (!controller.signal.aborted) setError(e); });
    return () => controller.abort();
  }, inputs);
  return error;
}

export function useTitle(title) {
  useEffect(() => { document.title = title ? `${title} · Hearth` : 'Hearth'; }, [title]);
}

export function useBusy() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);
  const run = async (work) => {
    setBusy(true);
    setError(null);
    try { return await work(); } catch (e) { if (alive.current) setError(e); return undefined; } finally { if (alive.current) setBusy(false); }
  };
  return { busy, error, run, setError };
}
