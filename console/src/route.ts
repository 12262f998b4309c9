import { useEffect, useState } from 'preact/hooks';

/** What the page shows. It stands behind the `#`, so that the server has one path for all of it. */
export type Route =
  | { readonly view: 'now' }
  | { readonly view: 'who' }
  | { readonly view: 'user'; readonly accessId: string }
  | { readonly view: 'try' };

export function href(route: Route): string {
  return route.view === 'user' ? `#/user/${encodeURIComponent(route.accessId)}` : `#/${route.view}`;
}

function read(hash: string): Route {
  const [, view, id] = /^#\/(\w+)(?:\/(.+))?$/.exec(hash) ?? [];
  if (view === 'user' && id !== undefined) return { view, accessId: decoded(id) };
  return view === 'who' || view === 'try' ? { view } : { view: 'now' };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => read(location.hash));
  useEffect(() => {
    const follow = () => setRoute(read(location.hash));
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, []);
  return route;
}
