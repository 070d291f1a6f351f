module.exports = async (context) => ({
  status: 200,
  headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  body: `Hello, ${context.request.query.name || 'world'}!\n`,
});
