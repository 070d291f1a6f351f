// The ES module twin of conformance/: what differs between the two is how they are loaded.
async function echo({ request, response }) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  response.setHeader('X-Method', request.method);
  response.setHeader('Content-Type', request.headers['content-type'] || 'application/octet-stream');
  response.end(Buffer.concat(pieces));
}

export const handler = async (context) => {
  if (context.request.path === '/echo') return echo(context);
  return { body: 'hello\n', headers: { 'Content-Type': 'text/plain' } };
};
handler.hearth = { stream: true };
export default handler;
