using System;
using Fission.DotNetCore.Api;

/// <summary>A function as written for Fission's .NET Core environments: hearth deploy FissionFunction.cs --route /add, then /add?x=1&amp;y=2</summary>
public class FissionFunction
{
    public string Execute(FissionContext context)
    {
        context.Logger.WriteInfo("adding {0} and {1}", context.Arguments["x"], context.Arguments["y"]);
        return (Convert.ToInt32(context.Arguments["x"]) + Convert.ToInt32(context.Arguments["y"])).ToString();
    }
}
