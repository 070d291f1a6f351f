// Who is logged in; set once per login.
const RANK = ['view', 'call', 'deploy', 'admin'];
export const session = { who: null };
export const can = (role) => session.who !== null && RANK.indexOf(session.who.role) >= RANK.indexOf(role);
export const sees = (ns) => session.who !== null && (session.who.allNamespaces || session.who.namespace === ns);
