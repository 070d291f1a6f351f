// Uses the request's method, body and headers: hearth deploy api.js --route /api
module.exports = async (context) => {
  const { method, body, query, headers } = context.request;
  console.log(method, 'from', headers['user-agent']);
  return { status: method === 'POST' ? 201 : 200, body: { method, query, body } };
};
