'use strict';

module.exports = async (context) => ({
  status: 200,
  headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  body: `${context.request.method} ${context.request.path} ${context.request.query.name} ${JSON.stringify(context.request.body)}\n`,
});
