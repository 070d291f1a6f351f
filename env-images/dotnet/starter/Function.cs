using Hearth;

public class Function
{
    public string Handle(Request request)
    {
        string name;
        return "Hello, " + (request.Query.TryGetValue("name", out name) ? name : "world") + "!\n";
    }
}
